import { MuxSession } from '@postern/ssm-protocol';
import { describe, expect, it } from 'vitest';
import { OutputQueue } from './output-queue.ts';
import type { StreamOutput } from './stream-output.ts';

function setUp(): {
  queue: OutputQueue;
  server: MuxSession;
  stream: (text?: string) => StreamOutput;
  send: (max: number) => string[];
} {
  const queue = new OutputQueue(new MuxSession({ role: 'client' }));
  const server = new MuxSession({ role: 'server' });
  return {
    queue,
    server,
    stream: (text = '') => ({
      streamId: undefined,
      opened: () => {},
      chunks: text === '' ? [] : [Buffer.from(text)],
      offset: 0,
      pendingBytes: text.length,
      written: undefined,
    }),
    send: (max) => {
      const payload = Buffer.concat(queue.nextPayload(max));
      expect(payload.length).toBeLessThanOrEqual(max);
      queue.settleWriters();
      return server
        .receive(payload)
        .map((event) =>
          event.type === 'data'
            ? `${event.streamId}:${Buffer.from(event.data)}`
            : `${event.type} ${event.streamId}`,
        );
    },
  };
}

describe('the output queue', () => {
  it('sends SYN and first data in one message', () => {
    const { queue, stream, send } = setUp();
    queue.add(stream('SSLRequest'));
    expect(send(1_024)).toEqual(['open 3', '3:SSLRequest']);
    expect(send(1_024)).toEqual([]);
    expect([queue.isEmpty, queue.dataBytes]).toEqual([true, 10]);
  });

  it('gives streams their turns, so that a bulk transfer does not hold up a small query', () => {
    const { queue, stream, send } = setUp();
    queue.add(stream('B'.repeat(100)));
    queue.add(stream('query'));
    expect(send(32)).toEqual(['open 3', `3:${'B'.repeat(16)}`]);
    expect(send(32)).toEqual(['open 5', '5:query', '3:BBB']);
    expect(send(32)).toEqual([`3:${'B'.repeat(24)}`]);
  });

  it('opens streams in the order in which they first send, so that ids only grow on the wire', () => {
    const { queue, stream, send } = setUp();
    const [late, early] = [stream('late'), stream('early')];
    queue.add(early);
    queue.add(late);
    expect(send(1_024)).toEqual(['open 3', '3:early', 'open 5', '5:late']);
    expect([early.streamId, late.streamId]).toEqual([3, 5]);
  });

  it('tells a writer only once its bytes were copied, since it may use its buffer again then', () => {
    const { queue, stream } = setUp();
    const output = stream('abc');
    let told = false;
    output.written = () => {
      told = true;
    };
    queue.add(output);
    queue.nextPayload(1_024);
    expect(told).toBe(false);
    queue.settleWriters();
    expect(told).toBe(true);
  });

  it('puts many small writes into few messages', () => {
    const { queue, stream, send } = setUp();
    const output = stream();
    for (const text of ['a', 'b', 'c']) output.chunks.push(Buffer.from(text));
    output.pendingBytes = 3;
    queue.add(output);
    expect(send(1_024)).toEqual(['open 3', '3:abc']);
  });

  it('forgets what a destroyed stream had to send, and tells its writer', async () => {
    const { queue, stream, send } = setUp();
    const output = stream('abc');
    const told = new Promise<Error | undefined>((resolve) => {
      output.written = resolve;
    });
    queue.add(output);
    const lost = new Error('lost');
    queue.discard(output, lost);
    expect(send(1_024)).toEqual([]);
    expect(await told).toBe(lost);
  });
});
