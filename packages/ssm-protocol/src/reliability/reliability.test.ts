import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAcknowledge, encodeAcknowledge } from '../message/acknowledge.ts';
import { type ClientMessage, decodeClientMessage } from '../message/client-message.ts';
import { MessageType, PayloadType } from '../message/constants.ts';
import { type ChannelFaults, FaultyChannel, seededRandom } from '../testing/faulty-channel.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { ReliableReceiver } from './reliable-receiver.ts';
import { ReliableSender, type ReliableSenderOptions } from './reliable-sender.ts';

const newSender = (options: Partial<ReliableSenderOptions> = {}): ReliableSender =>
  new ReliableSender({ messageType: MessageType.inputStreamData, newMessageId: randomUUID, ...options });
const data = (text: string): Buffer[] => [Buffer.from(text)];
/** Times in these tests start at 0, which is no date that a decoder would take: the number is read by hand. */
const numbersOf = (messages: Buffer[]): number[] => messages.map((bytes) => bytes.readUInt32BE(52));

describe('sending', () => {
  it('numbers every kind of payload in one sequence from 0', () => {
    const sender = newSender();
    const sent = [PayloadType.handshakeResponse, PayloadType.output, PayloadType.flag].map((type) =>
      decodeClientMessage(sender.send(type, data('x'), 5_000.7)),
    );
    expect(sent.map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1, 2]);
    expect(sent[0]).toMatchObject({ messageType: 'input_stream_data', flags: 0, createdDateMs: 5_000 });
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(3);
  });

  it('marks only the first message of an agent', () => {
    const sender = newSender({ messageType: MessageType.outputStreamData, firstMessageFlags: 1 });
    expect([0, 1].map(() => decodeClientMessage(sender.send(1, data('x'), 1)).flags)).toEqual([1, 0]);
  });

  it('joins the parts of a payload without touching a byte, also a lone line feed', () => {
    const sender = newSender();
    const bytes = sender.send(1, [Buffer.from('\n'), Buffer.from(''), Buffer.from('ab')], 1);
    expect(Buffer.from(decodeClientMessage(bytes).payload).toString()).toBe('\nab');
    expect(decodeClientMessage(sender.send(1, data('\n'), 1)).payload).toEqual(Buffer.from('\n'));
  });

  it('keeps to its window, in messages and in bytes', () => {
    const sender = newSender({ maxUnackedMessages: 2, maxUnackedBytes: 10 });
    expect(sender.canSend(100)).toBe(true);
    sender.send(1, data('123456'), 0);
    expect([sender.canSend(4), sender.canSend(5)]).toEqual([true, false]);
    sender.send(1, data('1'), 0);
    expect(sender.canSend(1)).toBe(false);
    expect(sender.acknowledge(1, 1)).toBe(true);
    expect(sender.canSend(1)).toBe(true);
    expect(sender.statistics).toMatchObject({
      messages: 2,
      payloadBytes: 7,
      unackedMessages: 1,
      unackedBytes: 6,
    });
  });

  it('does not run further ahead of a missing message than a peer can put in order again', () => {
    const sender = newSender();
    for (let at = 0; at < 10_000; at++) {
      sender.send(1, data('x'), 0);
      if (at > 0) sender.acknowledge(at, 0);
    }
    expect(sender.unackedMessages).toBe(1);
    expect(sender.canSend(1)).toBe(false);
    sender.acknowledge(0, 0);
    expect(sender.canSend(1)).toBe(true);
  });

  it('sends each late message again by its own time, the same bytes, less and less often', () => {
    const sender = newSender();
    const first = sender.send(1, data('a'), 0);
    sender.send(1, data('b'), 50);
    expect(sender.nextDeadline()).toBe(200);
    expect(sender.due(199)).toEqual([]);
    const again = sender.due(200);
    expect(again).toHaveLength(1);
    expect(again[0]).toBe(first);
    expect(numbersOf(sender.due(250))).toEqual([1]);
    expect(numbersOf(sender.due(599))).toEqual([]);
    expect(numbersOf(sender.due(600))).toEqual([0]);
    expect(sender.oldestUnackedSince).toBe(0);
    expect(sender.statistics.retransmissions).toBe(3);
  });

  it('does not learn a round trip from a message that was sent twice', () => {
    const sender = newSender();
    sender.send(1, data('a'), 0);
    sender.due(500);
    sender.acknowledge(0, 501);
    expect(sender.statistics.smoothedRttMs).toBe(100);
    sender.send(1, data('b'), 1_000);
    sender.acknowledge(1, 1_020);
    expect(sender.statistics.smoothedRttMs).toBe(90);
    expect(sender.nextDeadline()).toBeUndefined();
    expect(sender.oldestUnackedSince).toBeUndefined();
  });

  it('does not wait for as long as the machine slept before it repeats a message', () => {
    const sender = newSender();
    for (let at = 0; at < 40; at++) sender.send(1, data('x'), 0);
    // An hour of sleep: the first answers seem to have taken it.
    const awake = 3_600_000;
    for (let at = 1; at < 20; at++) sender.acknowledge(at, awake);
    sender.send(1, data('x'), awake);
    sender.acknowledge(40, awake + 10);
    let now = awake + 10;
    for (let turn = 0; turn < 40 && sender.unackedMessages > 0; turn++) {
      now = Math.max(now + 10, sender.nextDeadline() ?? now);
      for (const number of numbersOf(sender.due(now))) sender.acknowledge(number, now + 5);
      now += 5;
    }
    expect(sender.unackedMessages).toBe(0);
    expect(now - awake).toBeLessThan(20_000);
  });

  it('repeats only the oldest messages that a silent peer may have missed, and the rest with the first answer', () => {
    const sender = newSender();
    sender.send(1, data('x'), 0);
    sender.acknowledge(0, 20);
    for (let at = 1; at <= 60; at++) sender.send(1, data('x'), 30);
    const late = sender.nextDeadline() ?? 0;
    expect(numbersOf(sender.due(late))).toEqual(Array.from({ length: 16 }, (_, at) => at + 1));
    sender.acknowledge(1, late + 25);
    expect(sender.nextDeadline()).toBeLessThanOrEqual(late + 25);
    expect(numbersOf(sender.due(late + 25))[0]).toBe(17);
    expect(sender.statistics.retransmissions).toBeGreaterThan(30);
  });

  it('does not repeat what is merely late while the peer answers in order', () => {
    const sender = newSender({ maxUnackedMessages: 1_000 });
    for (let at = 0; at < 64; at++) sender.send(1, data('x'), 0);
    for (let at = 0; at < 64; at++) {
      expect(sender.due(150 + at * 50)).toEqual([]);
      sender.acknowledge(at, 150 + at * 50);
    }
    expect(sender.statistics.retransmissions).toBe(0);
  });

  it('takes an acknowledgement once and ignores one for a message it never sent', () => {
    const sender = newSender();
    sender.send(1, data('a'), 0);
    expect([sender.acknowledge(0, 1), sender.acknowledge(0, 2), sender.acknowledge(7, 2)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('holds everything while paused, but probes with the oldest message in case the end of the pause was lost', () => {
    const sender = newSender();
    sender.send(1, data('a'), 0);
    sender.send(1, data('b'), 0);
    sender.pause(10);
    expect(sender.canSend(1)).toBe(false);
    expect(sender.due(500)).toEqual([]);
    expect(sender.nextDeadline()).toBe(1_010);
    expect(numbersOf(sender.due(1_010))).toEqual([0]);
    expect(sender.due(1_011)).toEqual([]);
    expect(numbersOf(sender.due(2_010))).toEqual([0]);
    sender.resume(2_100);
    expect([sender.paused, sender.canSend(1), sender.nextDeadline()]).toEqual([false, true, 2_100]);
    expect(numbersOf(sender.due(2_100))).toEqual([1]);
  });

  it('probes with one new message when nothing else could tell that a pause is over', () => {
    const sender = newSender();
    sender.pause(10);
    expect([sender.canSend(1), sender.nextDeadline()]).toEqual([false, 1_010]);
    expect([sender.due(1_009), sender.canSend(1)]).toEqual([[], false]);
    expect([sender.due(1_010), sender.canSend(1)]).toEqual([[], true]);
    sender.send(1, data('a'), 3_000);
    expect(sender.canSend(1)).toBe(false);
    expect(numbersOf(sender.due(sender.nextDeadline() ?? 0))).toEqual([0]);
    expect(sender.acknowledge(0, 5_000)).toBe(true);
    expect([sender.paused, sender.canSend(1), sender.nextDeadline()]).toEqual([false, true, undefined]);
    sender.pause(6_000);
    sender.resume(6_001);
    expect([sender.canSend(1), sender.nextDeadline()]).toEqual([true, undefined]);
  });

  it('goes on after a pause with the first acknowledgement', () => {
    const sender = newSender();
    sender.send(1, data('a'), 0);
    sender.send(1, data('b'), 0);
    sender.pause(10);
    sender.acknowledge(0, 20);
    expect(sender.paused).toBe(false);
  });

  it('sends everything unacknowledged again, in order, when a channel was reopened', () => {
    const sender = newSender();
    for (const text of ['a', 'b', 'c']) sender.send(1, data(text), 0);
    sender.acknowledge(1, 1);
    sender.pause(2);
    expect(numbersOf(sender.resendAll(5_000))).toEqual([0, 2]);
    expect(sender.paused).toBe(false);
    expect(sender.due(5_001)).toEqual([]);
    sender.acknowledge(0, 5_002);
    sender.acknowledge(2, 5_002);
    expect(sender.resendAll(6_000)).toEqual([]);
    expect(sender.nextDeadline()).toBeUndefined();
  });
});

describe('receiving', () => {
  const message = (sequenceNumber: number, text = 'x'): ClientMessage => ({
    messageType: MessageType.outputStreamData,
    schemaVersion: 1,
    createdDateMs: 1,
    sequenceNumber,
    flags: 0,
    messageId: randomUUID(),
    payloadType: 1,
    payload: Buffer.from(text),
  });
  const outcome = (receiver: ReliableReceiver, sequenceNumber: number): unknown => {
    const reception = receiver.receive(message(sequenceNumber));
    return [reception.outcome, reception.acknowledge, reception.ready.map((it) => it.sequenceNumber)];
  };

  it('acknowledges every message it takes, and every duplicate again', () => {
    const receiver = new ReliableReceiver();
    expect(outcome(receiver, 0)).toEqual(['accepted', true, [0]]);
    expect(outcome(receiver, 2)).toEqual(['buffered', true, []]);
    expect(outcome(receiver, 2)).toEqual(['duplicate', true, []]);
    expect(outcome(receiver, 0)).toEqual(['duplicate', true, []]);
    expect(outcome(receiver, 1)).toEqual(['accepted', true, [1, 2]]);
    expect(receiver.expectedSequenceNumber).toBe(3);
    expect(receiver.duplicates).toBe(2);
    expect(receiver.bufferedMessages).toBe(0);
  });

  it('refuses, without acknowledging, what it has no room for', () => {
    const receiver = new ReliableReceiver({ maxBufferedMessages: 2, maxBufferedBytes: 10 });
    expect(receiver.receive(message(1, 'x'.repeat(11))).outcome).toBe('refused');
    expect(outcome(receiver, 3)).toEqual(['refused', false, []]);
    expect(outcome(receiver, Number.MAX_SAFE_INTEGER)).toEqual(['refused', false, []]);
    expect(outcome(receiver, 1)).toEqual(['buffered', true, []]);
    expect(outcome(receiver, 2)).toEqual(['buffered', true, []]);
    expect(receiver.receive(message(3)).outcome).toBe('refused');
    expect(outcome(receiver, 0)).toEqual(['accepted', true, [0, 1, 2]]);
  });

  it('copies what it holds, so that a held message does not keep a whole socket chunk', () => {
    const receiver = new ReliableReceiver();
    const early = message(1, 'early');
    receiver.receive(early);
    const [, held] = receiver.receive(message(0)).ready;
    expect(Buffer.from(held?.payload ?? []).toString()).toBe('early');
    expect(held?.payload.buffer).not.toBe(early.payload.buffer);
  });
});

describe('sender and receiver over a faulty channel', () => {
  interface Transfer {
    readonly messages: number;
    readonly seed: number;
    readonly faults: ChannelFaults;
    readonly cuts: readonly number[];
  }

  /** Runs a transfer in virtual time: what arrived, in the order it was handed on. */
  function transfer({ messages, seed, faults, cuts }: Transfer): { received: string[]; complete: boolean } {
    const clock = new VirtualClock();
    const random = seededRandom(seed);
    const sender = newSender({ maxUnackedMessages: 16 });
    const receiver = new ReliableReceiver();
    const received: string[] = [];
    let armedFor = Number.POSITIVE_INFINITY;

    const forward = new FaultyChannel(clock, faults, random, (bytes) => {
      const message = decodeClientMessage(bytes);
      const { acknowledge, ready } = receiver.receive(message);
      if (acknowledge) {
        back.send(
          encodeAcknowledge(message, { messageId: randomUUID(), createdDateMs: Math.floor(clock.now) }),
        );
      }
      for (const { payload } of ready) received.push(Buffer.from(payload).toString());
    });
    const back = new FaultyChannel(clock, faults, random, (bytes) => {
      sender.acknowledge(decodeAcknowledge(decodeClientMessage(bytes)).sequenceNumber, clock.now);
      fill();
    });
    const arm = (): void => {
      const deadline = sender.nextDeadline();
      if (deadline === undefined || deadline >= armedFor) return;
      armedFor = deadline;
      clock.schedule(deadline - clock.now, () => {
        armedFor = Number.POSITIVE_INFINITY;
        for (const bytes of sender.due(clock.now)) forward.send(bytes);
        arm();
      });
    };
    const fill = (): void => {
      while (sender.nextSequenceNumber < messages && sender.canSend(20)) {
        forward.send(sender.send(1, data(`message ${sender.nextSequenceNumber}`), clock.now));
      }
      arm();
    };
    for (const cut of cuts) {
      clock.schedule(cut, () => {
        forward.cut();
        back.cut();
        for (const bytes of sender.resendAll(clock.now)) forward.send(bytes);
        arm();
      });
    }
    fill();
    const done = (): boolean => sender.nextSequenceNumber === messages && sender.unackedMessages === 0;
    return { complete: clock.runUntil(done, 3_600_000), received };
  }

  it('delivers every message once and in order, whatever is dropped, doubled, reordered or cut', () => {
    fc.assert(
      fc.property(
        fc.record({
          messages: fc.integer({ min: 1, max: 120 }),
          seed: fc.integer(),
          faults: fc.record({
            drop: fc.double({ min: 0, max: 0.4, noNaN: true }),
            duplicate: fc.double({ min: 0, max: 0.4, noNaN: true }),
            minDelayMs: fc.integer({ min: 0, max: 50 }),
            maxDelayMs: fc.integer({ min: 50, max: 400 }),
          }),
          cuts: fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 4 }),
        }),
        (parameters) => {
          const { complete, received } = transfer(parameters);
          expect(received).toEqual(Array.from({ length: parameters.messages }, (_, at) => `message ${at}`));
          expect(complete).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('sends nothing twice over a channel without faults', () => {
    const clock = new VirtualClock();
    const sender = newSender();
    let repeats = 0;
    const forward = new FaultyChannel(
      clock,
      { drop: 0, duplicate: 0, minDelayMs: 40, maxDelayMs: 60 },
      seededRandom(1),
      (bytes) => sender.acknowledge(decodeClientMessage(bytes).sequenceNumber, clock.now),
    );
    for (let at = 0; at < 200; at++) {
      clock.schedule(at * 7, () => forward.send(sender.send(1, data('x'), clock.now)));
      clock.schedule(at * 7, () => {
        repeats += sender.due(clock.now).length;
      });
    }
    clock.runUntil(() => false, 10_000);
    expect(repeats).toBe(0);
    expect(sender.unackedMessages).toBe(0);
  });
});
