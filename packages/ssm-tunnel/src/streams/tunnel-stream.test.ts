import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { type StreamCarrier, type StreamSettings, TunnelStream } from './tunnel-stream.ts';

function setUp(options: Partial<StreamCarrier & StreamSettings> = {}): {
  stream: TunnelStream;
  carrier: StreamCarrier;
  sent: () => string;
} {
  const taken: Uint8Array[] = [];
  const settings = { destination: 'db.internal:5432', halfCloseLingerMs: 30_000, streamBufferBytes: 1_000 };
  const carrier: StreamCarrier = {
    linkedForMs: 60_000,
    opened: () => {},
    wake: ({ output }) => {
      taken.push(...output.chunks.splice(0));
      output.pendingBytes = 0;
      const { written } = output;
      output.written = undefined;
      if (written !== undefined) process.nextTick(written);
    },
    discard: vi.fn(),
    release: vi.fn(),
    account: () => {},
    wasReset: vi.fn(),
    ...options,
  };
  const stream = new TunnelStream({ ...settings, ...options });
  stream.moveTo(carrier);
  stream.output.streamId = 3;
  return { stream, carrier, sent: () => Buffer.concat(taken).toString() };
}

describe('a stream', () => {
  it('holds its end back for the answer, because the protocol cannot close one direction', async () => {
    const { stream, carrier, sent } = setUp();
    stream.end('question');
    await once(stream, 'finish');
    expect([sent(), stream.isLingering]).toEqual(['question', true]);
    expect(carrier.release).not.toHaveBeenCalled();
    stream.receive(Buffer.from('late answer'));
    stream.receiveEnd();
    expect(await text(stream)).toBe('late answer');
    expect(carrier.release).toHaveBeenCalled();
  });

  it('ends by itself when no answer comes', async () => {
    const { stream, carrier } = setUp({ halfCloseLingerMs: 5 });
    stream.end('question');
    expect(await text(stream)).toBe('');
    expect(carrier.release).toHaveBeenCalled();
  });

  it('ends at once when asked to, for servers that wait for the end', async () => {
    const { stream, carrier, sent } = setUp({ halfCloseLingerMs: 0 });
    stream.resume().end('question');
    await once(stream, 'close');
    expect(sent()).toBe('question');
    expect(carrier.release).toHaveBeenCalled();
  });

  it('is closed by the other side’s end after the reader had everything', async () => {
    const { stream, carrier } = setUp();
    stream.receive(Buffer.from('a'));
    stream.receive(Buffer.from('b'));
    stream.receiveEnd();
    stream.receive(Buffer.from('after the end'));
    expect(carrier.release).toHaveBeenCalledTimes(1);
    const closed = once(stream, 'close');
    expect(await text(stream)).toBe('ab');
    await closed;
    expect([stream.destroyed, stream.errored]).toEqual([true, null]);
  });

  it('takes writes after the other side’s end without an error and without sending them', async () => {
    const { stream, sent } = setUp();
    stream.receiveEnd();
    await new Promise((resolve) => stream.write('into the void', resolve));
    expect(sent()).toBe('');
  });

  it('keeps every byte in order for a reader that comes and goes', async () => {
    const { stream } = setUp({ streamBufferBytes: 10_000_000 });
    let expected = '';
    for (let at = 0; at < 50; at++) {
      const piece = `${at}`.padEnd(5_000, '.');
      expected += piece;
      stream.receive(Buffer.from(piece));
    }
    stream.receiveEnd();
    let got = '';
    for await (const chunk of stream) {
      got += chunk;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(got).toBe(expected);
  });

  it('is reset, alone, when its reader leaves too much waiting', async () => {
    const total: number[] = [];
    const { stream, carrier } = setUp({ account: (_, bytes) => total.push(bytes) });
    const failed = once(stream, 'error');
    for (let at = 0; at < 3; at++) stream.receive(Buffer.alloc(500));
    expect(await failed).toEqual([
      expect.objectContaining({
        code: 'SSM_STREAM_RESET',
        message: expect.stringContaining('db.internal:5432'),
      }),
    ]);
    expect(carrier.wasReset).toHaveBeenCalledTimes(1);
    expect(carrier.release).toHaveBeenCalled();
    expect(total.reduce((sum, bytes) => sum + bytes, 0)).toBe(0);
  });

  it('bounds a flood of tiny pieces by more than their bytes', () => {
    const { stream } = setUp();
    stream.on('error', () => {});
    for (let at = 0; at < 1_000; at++) stream.receive(Buffer.alloc(1));
    expect(stream.destroyed).toBe(true);
  });

  it('does not keep a socket’s chunk alive for a piece of it that waits', () => {
    const held: Uint8Array[] = [];
    const { stream } = setUp();
    const chunk = Buffer.alloc(64 * 1024, 'x');
    stream.receive(chunk.subarray(0, 10));
    stream.on('data', (piece: Uint8Array) => held.push(piece));
    return vi.waitFor(() => {
      expect(Buffer.concat(held).toString()).toBe('x'.repeat(10));
      expect(held[0]?.buffer).not.toBe(chunk.buffer);
    }, 20_000);
  });

  it('tells the other side when it is destroyed', async () => {
    const { stream, carrier } = setUp();
    stream.destroy();
    await once(stream, 'close');
    expect(carrier.discard).toHaveBeenCalled();
    expect(carrier.release).toHaveBeenCalled();
  });
});

it('does not make half an answer look whole when the line is away for longer than the patience for its rest', async () => {
  const { stream, carrier } = setUp({ halfCloseLingerMs: 5 });
  const link = carrier as { linkedForMs: number };
  link.linkedForMs = 0;
  let ended = false;
  stream.on('end', () => {
    ended = true;
  });
  stream.resume().end('question');
  stream.receive(Buffer.from('half of it'));
  let checked = 0;
  Object.defineProperty(carrier, 'linkedForMs', { get: () => (++checked > 3 ? 10 : 0) });
  await vi.waitFor(() => expect(ended).toBe(true), 20_000);
  expect(checked).toBe(4);
});
