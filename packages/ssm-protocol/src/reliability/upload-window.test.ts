import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageType } from '../message/constants.ts';
import { BottleneckUpload, type Path } from '../testing/bottleneck.ts';
import { seededRandom } from '../testing/faulty-channel.ts';
import { ReliableSender, type ReliableSenderOptions } from './reliable-sender.ts';
import { UploadWindow } from './upload-window.ts';

const KIB = 1_024;

function upload(
  path: Partial<Path>,
  payloadBytes = KIB,
  options: Partial<ReliableSenderOptions> = {},
): { sender: ReliableSender; path: BottleneckUpload } {
  const sender = new ReliableSender({
    messageType: MessageType.inputStreamData,
    newMessageId: () => 'dd01e56b-ff48-483e-a508-b5f073f31b16',
    ...options,
  });
  return { sender, path: new BottleneckUpload(sender, path, payloadBytes, seededRandom(7)) };
}

/** The share of the narrow place that was used. */
function used(path: BottleneckUpload, durationMs: number): { share: number; queueMs: number } {
  const { wireBytes, longestQueueMs } = path.run(durationMs);
  return {
    share: wireBytes / ((path.path.bytesPerSecond * durationMs) / 1_000),
    queueMs: longestQueueMs,
  };
}

describe('an upload over a path with one narrow place', () => {
  const paths = [0.2, 2, 20, 80, 200, 300].flatMap((roundTripMs) => [
    { roundTripMs, bytesPerSecond: 500_000, payloadBytes: KIB },
    { roundTripMs, bytesPerSecond: 2_000_000, payloadBytes: KIB },
    { roundTripMs, bytesPerSecond: 500_000, payloadBytes: 16 * KIB },
    { roundTripMs, bytesPerSecond: 12_000_000, payloadBytes: 16 * KIB },
  ]);

  it.each(paths)(
    'fills it without a long queue: $bytesPerSecond bytes/s, $roundTripMs ms, payloads of $payloadBytes',
    ({ roundTripMs, bytesPerSecond, payloadBytes }) => {
      const { path, sender } = upload({ roundTripMs, bytesPerSecond }, payloadBytes);
      const first = path.run(6_000);
      // What the first window holds has to pass, and a long path may be overshot once.
      expect(first.longestQueueMs).toBeLessThan((256 * KIB) / (bytesPerSecond / 1_000) + 210);
      const { share, queueMs } = used(path, 12_000);
      expect(share).toBeGreaterThan(0.9);
      // 50 ms, and right after the base was measured up to one round trip of the kind, bounded as at the start.
      expect(queueMs).toBeLessThan(260);
      expect(sender.statistics.retransmissions).toBeLessThanOrEqual(16);
      path.run(2_000);
      expect(sender.statistics.windowMessages).toBeLessThanOrEqual(4_096);
    },
  );

  it('keeps 100 ms at most waiting at 1 MB/s: a small message on another stream waits no longer', () => {
    const { path, sender } = upload({ bytesPerSecond: 1_000_000, roundTripMs: 2 });
    path.run(2_000);
    expect(path.run(30_000).longestQueueMs).toBeLessThan(100);
    expect(sender.statistics.unackedBytes).toBeLessThan(110 * KIB);
  });

  it('reaches the ceiling where nothing is narrow, whatever the event loop adds up to 50 ms', () => {
    const { path, sender } = upload({ bytesPerSecond: 200_000_000, roundTripMs: 0.1, jitterMs: 5 }, 16 * KIB);
    path.run(1_000);
    expect(sender.statistics.windowBytes).toBe(4 * KIB * KIB);
    path.path.jitterMs = 50;
    path.path.bytesPerSecond = 20_000_000;
    expect(used(path, 2_000).share).toBeGreaterThan(0.85);
  });

  it.each([
    [0.02, 1, KIB],
    [0.02, 20, KIB],
    [0.02, 200, KIB],
    [0.02, 20, 16 * KIB],
    [0.1, 20, KIB],
  ])('is not starved by %d random loss at a round trip of %d ms', (loss, roundTripMs, payloadBytes) => {
    const { path, sender } = upload({ loss, roundTripMs }, payloadBytes);
    path.run(4_000);
    expect(used(path, 20_000).share).toBeGreaterThan(0.9 * (1 - loss));
    // Hardly more is repeated than was lost.
    const { messages, retransmissions } = sender.statistics;
    expect(retransmissions).toBeLessThan(messages * loss * 1.3 + 20);
  });

  it.each<[string, Partial<Path>, Partial<Path>, number]>([
    ['slower', { bytesPerSecond: 10_000_000 }, { bytesPerSecond: 1_000_000 }, 2_000],
    ['faster', { bytesPerSecond: 1_000_000 }, { bytesPerSecond: 10_000_000 }, 1_000],
    ['longer', { roundTripMs: 20 }, { roundTripMs: 220 }, 4_000],
    ['shorter', { roundTripMs: 220 }, { roundTripMs: 20 }, 2_000],
    [
      'slower and longer',
      { bytesPerSecond: 5_000_000, roundTripMs: 20 },
      { bytesPerSecond: 300_000, roundTripMs: 120 },
      6_000,
    ],
  ])('learns that the path became %s', (_, before, after, withinMs) => {
    const { path } = upload(before);
    path.run(8_000);
    Object.assign(path.path, after);
    path.run(withinMs);
    const { share, queueMs } = used(path, 6_000);
    expect(share).toBeGreaterThan(0.9);
    expect(queueMs).toBeLessThan(260);
  });

  it('asks a stalled agent a little now and then, and is back at full speed at once', () => {
    const { path, sender } = upload({ bytesPerSecond: 5_000_000, roundTripMs: 5 });
    path.run(3_000);
    const before = sender.statistics;
    path.path.stalledUntil = path.clock.now + 60_000;
    path.run(60_000);
    const stalled = sender.statistics;
    expect(stalled.unackedBytes).toBeLessThanOrEqual(before.windowBytes);
    expect(stalled.retransmissions - before.retransmissions).toBeLessThan(300);
    expect(stalled.windowMessages).toBe(16);
    path.run(300);
    expect(used(path, 1_000).share).toBeGreaterThan(0.95);
  });

  it('brings back everything that a hole swallowed soon after its end', () => {
    const { path, sender } = upload({ bytesPerSecond: 5_000_000, roundTripMs: 50 });
    path.run(3_000);
    path.path.loss = 1;
    path.run(20_000);
    path.path.loss = 0;
    path.run(4_000);
    expect(used(path, 2_000).share).toBeGreaterThan(0.9);
    expect(sender.statistics.unackedBytes).toBeLessThan(2 * KIB * KIB);
  });

  it('sends again what was unacknowledged and nothing else after a long outage, then starts small', () => {
    const { path, sender } = upload({ bytesPerSecond: 5_000_000, roundTripMs: 50 });
    path.run(3_000);
    const { unackedMessages } = sender;
    path.path.loss = 1;
    path.run(600_000);
    path.path.loss = 0;
    expect(sender.unackedMessages).toBeLessThanOrEqual(Math.max(unackedMessages, 4_096));
    const before = sender.unackedMessages;
    const again = sender.resendAll(path.clock.now);
    expect(again).toHaveLength(before);
    expect(sender.lastProgressAt).toBe(path.clock.now);
    expect(sender.statistics).toMatchObject({ windowMessages: 64, windowBytes: 256 * KIB });
    expect(sender.canSend(1)).toBe(false);
    for (const bytes of again) path.transmit(bytes);
    path.run(1_000);
    expect(used(path, 2_000).share).toBeGreaterThan(0.9);
  });

  it('is not misled by rests between bursts', () => {
    const { path, sender } = upload({ bytesPerSecond: 2_000_000, roundTripMs: 40 });
    for (let at = 0; at < 20; at++) {
      path.run(700);
      path.rest(1_500);
    }
    path.run(500);
    expect(used(path, 3_000)).toEqual({ share: expect.closeTo(1, 1), queueMs: expect.any(Number) });
    expect(sender.statistics.unackedBytes).toBeLessThan(260 * KIB);
  });

  it('starts small again after a long rest, and forgets what was not used for long', () => {
    const { path, sender } = upload({ bytesPerSecond: 20_000_000, roundTripMs: 5 });
    path.run(2_000);
    expect(sender.statistics.windowMessages).toBeGreaterThan(500);
    path.rest(11_000);
    path.path.bytesPerSecond = 1_000_000;
    expect(path.run(1_000).longestQueueMs).toBeLessThan(150);
    path.path.bytesPerSecond = 20_000_000;
    path.run(2_000);
    // A message every now and then, never silent for long.
    for (let at = 0; at < 60; at++) {
      path.rest(1_000);
      path.transmit(sender.send(1, [new Uint8Array(10)], path.clock.now));
    }
    expect(sender.statistics.windowMessages).toBeLessThan(150);
  });

  it('stays within what it was given, whatever the path does', () => {
    fc.assert(
      fc.property(
        fc.record({
          bytesPerSecond: fc.integer({ min: 20_000, max: 5_000_000 }),
          roundTripMs: fc.double({ min: 0.05, max: 800, noNaN: true }),
          loss: fc.double({ min: 0, max: 0.5, noNaN: true }),
          jitterMs: fc.integer({ min: 0, max: 500 }),
        }),
        fc.integer({ min: 1, max: 40_000 }),
        fc.integer({ min: 1, max: 3_000_000 }),
        fc.integer({ min: 1, max: 3_000 }),
        (state, payloadBytes, maxUnackedBytes, maxUnackedMessages) => {
          const { path, sender } = upload(state, payloadBytes, { maxUnackedBytes, maxUnackedMessages });
          for (let at = 0; at < 8; at++) {
            const { deliveredBytes } = path.run(500);
            const { windowBytes, windowMessages, unackedBytes, unackedMessages } = sender.statistics;
            expect(windowBytes).toBeLessThanOrEqual(maxUnackedBytes);
            expect(windowMessages).toBeLessThanOrEqual(maxUnackedMessages);
            expect(windowBytes).toBeGreaterThanOrEqual(Math.min(maxUnackedBytes, 32 * KIB));
            expect(windowMessages).toBeGreaterThanOrEqual(Math.min(maxUnackedMessages, 16));
            expect(unackedMessages).toBeLessThanOrEqual(maxUnackedMessages);
            expect(unackedBytes).toBeLessThanOrEqual(Math.max(maxUnackedBytes, payloadBytes));
            expect(deliveredBytes).toBeGreaterThanOrEqual(0);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('the window itself', () => {
  const flight = (
    sequenceNumber: number,
    flightMessages: number,
  ): Parameters<UploadWindow['acknowledged']>[0] => ({
    sequenceNumber,
    flightMessages,
    flightBytes: flightMessages * KIB,
  });

  it('is cut once for each round trip, by the share that was lost', () => {
    const window = new UploadWindow({ maxBytes: 4 * KIB * KIB, maxMessages: 4_096 });
    for (let at = 0; at < 90; at++) window.acknowledged(flight(at, 64), 100, at + 64, at);
    const before = window.messages;
    window.timedOut(10, 50, 200, 1_000);
    expect(window.messages).toBe(Math.round(before * 0.9));
    // Sent before the cut: the same event.
    window.timedOut(5, 999, 200, 1_001);
    expect(window.messages).toBe(Math.round(before * 0.9));
    // Nothing came since: all of it was lost.
    window.timedOut(1, 1_000, 200, 1_200);
    expect(window.messages).toBe(Math.round(before * 0.45));
  });

  it('does not shrink for one late answer', () => {
    const window = new UploadWindow({ maxBytes: 4 * KIB * KIB, maxMessages: 4_096 });
    for (let at = 0; at < 500; at++) window.acknowledged(flight(at, window.messages), 1, at + 1, at);
    const before = window.messages;
    expect(before).toBe(4_096);
    window.acknowledged(flight(500, 64), 2_000, 501, 3_000);
    expect(window.messages).toBe(before);
  });
});
