import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { joinSocket } from './join-socket.ts';

it('a slow local reader gets the whole answer: the time for its own end begins when all of it has left', async () => {
  const answer = Buffer.alloc(24 * 1024 * 1024, 'x');
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  const server = createServer({ allowHalfOpen: true }, (socket) => joinSocket(socket, stream, true));
  const accepted = once(server.listen(0, '127.0.0.1'), 'connection');
  await once(server, 'listening');
  const reader = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  const [socket] = (await accepted) as [Socket];
  // More than the kernel takes from a reader that does not read, all of it in the socket's own queue.
  socket.write(answer);
  stream.push('the end');
  stream.push(null);
  await once(stream, 'end');
  expect([socket.writableFinished, socket.timeout ?? 0]).toEqual([false, 0]);
  let received = 0;
  reader.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  reader.resume();
  await once(reader, 'end');
  expect(received).toBe(answer.length + 7);
  expect(socket.timeout).toBe(5_000);
  server.close();
});
