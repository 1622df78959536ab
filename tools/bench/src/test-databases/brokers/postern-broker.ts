import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { type DatabasePool, type Isolation, openPool, type PoolStatistics } from '@postern/test-databases';
import { serveParent } from '../processes/child-process.ts';
import type { ServerAddress } from '../server/bench-server.ts';
import { openBackend, type PosternBackend } from './postern-backend.ts';

// A process that stands for our host: the pool behind a Unix socket.

export interface PosternBrokerOptions {
  readonly address: ServerAddress;
  readonly template: string;
  readonly workers: number;
  readonly prefetch: boolean;
  /** Where to listen: a path in a folder that the parent removes. */
  readonly socket: string;
}

interface Broker {
  readonly pool: DatabasePool;
  readonly server: Server;
  readonly sockets: Set<Socket>;
  readonly backend: PosternBackend;
}

let broker: Broker | undefined;

serveParent({
  /** Opens a pool; answers with its socket when the first database is ready. */
  async open({ address, template, workers, prefetch, socket: path }: PosternBrokerOptions): Promise<string> {
    const backend = await openBackend(address, template);
    const initial = await backend.clone({ first: 1, count: 1 });
    const pool = openPool({ backend, workers, initial, depth: (prefetch ? 2 : 1) * workers + 2 });
    const opened = { pool, backend };
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => {});
      createInterface({ input: socket }).on('line', (line) => void answer(opened, socket, line));
    });
    server.listen(path);
    await once(server, 'listening');
    broker = { ...opened, server, sockets };
    return path;
  },
  async close(): Promise<PoolStatistics | undefined> {
    if (broker === undefined) return undefined;
    const { pool, server, sockets, backend } = broker;
    broker = undefined;
    const statistics = pool.statistics();
    for (const socket of sockets) socket.destroy();
    server.close();
    await pool.close();
    await backend.close();
    return statistics;
  },
});

async function answer(
  { pool, backend }: Pick<Broker, 'pool' | 'backend'>,
  socket: Socket,
  line: string,
): Promise<void> {
  const { id, request, parameters } = JSON.parse(line);
  const reply = (content: object): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify({ id, ...content })}\n`);
  };
  try {
    if (request === 'acquire') {
      const { key, isolation } = parameters as { key: string; isolation: Isolation };
      const database = await pool.acquire({ key, isolation });
      reply({ result: database });
      if (isolation === 'reset') backend.prepareReset(database.name);
    } else {
      pool.release(parameters.name);
      reply({ result: null });
    }
  } catch (error) {
    reply({ error: String(error) });
  }
}
