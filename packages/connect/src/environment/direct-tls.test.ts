import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { takesDirectTls } from './direct-tls.ts';

const cluster = { endpoint: { host: 'db.example.test', port: 5432 }, ca: [] };

let server: Server | undefined;
afterEach(() => server?.close());

/** A server that does `answer` with the first bytes, and how one gets there. */
async function serverThat(answer: (socket: Socket) => void): Promise<() => Promise<Socket>> {
  const listening = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as { port: number };
  return async () => connect(port, '127.0.0.1');
}

it.each<[string, (socket: Socket) => void]>([
  // PostgreSQL up to 16 takes the first bytes of TLS for the length of an impossible packet.
  ['closes without a word', (socket) => socket.end()],
  ['resets the connection', (socket) => socket.resetAndDestroy()],
  ['answers something else', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
])('a server that %s is not asked that way again', async (_, answer) => {
  expect(await takesDirectTls(await serverThat(answer), cluster)).toBe(false);
});

it('is not tried without a way', async () => {
  expect(await takesDirectTls(() => Promise.reject(new Error('no tunnel')), cluster)).toBe(false);
});
