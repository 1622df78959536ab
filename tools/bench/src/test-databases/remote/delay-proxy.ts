import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface DelayProxy extends AsyncDisposable {
  readonly port: number;
}

/**
 * A port that leads to another one on this machine, with a one-way delay in both directions. A new connection takes a
 * round trip before its first byte leaves, as TCP does.
 */
export async function startDelayProxy(port: number, oneWayMs: number): Promise<DelayProxy> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    delayed(near, far, oneWayMs, 2 * oneWayMs);
    delayed(far, near, oneWayMs, 0);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** What comes from one side goes to the other later, in the same order; so does the end. */
function delayed(from: Socket, to: Socket, delayMs: number, openingMs: number): void {
  const open = performance.now() + openingMs;
  const waiting: Array<{ dueMs: number; act: () => void }> = [];
  const arrive = (): void => {
    const now = performance.now();
    while (waiting[0] !== undefined && waiting[0].dueMs <= now) waiting.shift()?.act();
    if (waiting[0] !== undefined) setTimeout(arrive, Math.max(1, waiting[0].dueMs - now));
  };
  const later = (act: () => void): void => {
    waiting.push({ dueMs: Math.max(performance.now(), open) + delayMs, act });
    if (waiting.length === 1) setTimeout(arrive, delayMs);
  };
  from.on('data', (chunk) => later(() => !to.destroyed && to.write(chunk)));
  from.on('end', () => later(() => to.end()));
  from.on('close', () => later(() => to.destroy()));
}
