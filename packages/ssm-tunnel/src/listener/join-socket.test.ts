import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { joinSocket } from './join-socket.ts';

it('a slow local reader gets the whole answer: the time for its own end begins when all of it has left', async () => {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() });
  const server = createServer({ allowHalfOpen: true }, (socket) => joinSocket(socket, stream, true));
  const accepted = once(server.listen(0, '127.0.0.1'), 'connection');
  await once(server, 'listening');
  const reader = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  const [socket] = (await accepted) as [Socket];
  // Until the kernel takes no more from a reader that does not read, and a little waits in this process.
  const piece = Buffer.alloc(8 * 1024, 'x');
  let sent = 0;
  for (let turnsFull = 0; turnsFull < 20; ) {
    turnsFull = socket.writableLength > 0 ? turnsFull + 1 : 0;
    if (turnsFull === 0) {
      socket.write(piece);
      sent += piece.length;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
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
  expect(received).toBe(sent + 7);
  expect(socket.timeout).toBe(5_000);
  server.close();
});
