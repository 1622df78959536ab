import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { joinSocket } from './join-socket.ts';

it('a slow local reader gets the whole answer: the time for its own end begins when all of it has left', async () => {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  // How much a kernel takes for a reader that does not read is its own affair.
  let taken = '';
  let take = (): void => {};
  const slow = new Duplex({
    read() {},
    write: (chunk, _encoding, callback) => {
      take = () => {
        taken += chunk;
        callback();
      };
    },
  });
  const setTimeout = vi.fn();
  joinSocket(Object.assign(slow, { setTimeout }) as unknown as Socket, stream, true);
  stream.push('the end');
  stream.push(null);
  await once(stream, 'end');
  expect([taken, setTimeout.mock.calls]).toEqual(['', []]);
  const finished = once(slow, 'finish');
  take();
  await finished;
  expect(taken).toBe('the end');
  expect(setTimeout).toHaveBeenCalledExactlyOnceWith(5_000, expect.any(Function));
});
