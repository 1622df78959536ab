import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A network between a client and the server that can fall silent without a word to either side. */
export interface Relay extends AsyncDisposable {
  /** The `host` of a `pg` configuration. */
  readonly host: string;
  /** From now on nothing that the server says arrives, not even the end of a connection. */
  mute(): void;
  /** From now on nothing passes in either direction. */
  freeze(): void;
  thaw(): void;
}

const socketName = '.s.PGSQL.5432';

export async function openRelay(serverSocket: string): Promise<Relay> {
  const host = await mkdtemp(join(tmpdir(), 'ptr-'));
  const sockets = { client: new Set<Socket>(), server: new Set<Socket>() };
  const silent = { client: false, server: false };
  const carry = (side: keyof typeof sockets, from: Socket, to: Socket): void => {
    sockets[side].add(from);
    from.on('data', (bytes) => to.write(bytes));
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => sockets[side].delete(from));
    if (silent[side]) from.pause();
  };
  const silence = (side: keyof typeof sockets): void => {
    silent[side] = true;
    for (const socket of sockets[side]) socket.pause();
  };
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ path: serverSocket, allowHalfOpen: true });
    carry('client', client, server);
    carry('server', server, client);
  });
  listener.listen(join(host, socketName));
  await once(listener, 'listening');
  return {
    host,
    mute: () => silence('server'),
    freeze: () => {
      silence('server');
      silence('client');
    },
    thaw: () => {
      silent.client = false;
      silent.server = false;
      for (const socket of [...sockets.client, ...sockets.server]) socket.resume();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of [...sockets.client, ...sockets.server]) socket.destroy();
      listener.close();
      await rm(host, { recursive: true, force: true });
    },
  };
}
