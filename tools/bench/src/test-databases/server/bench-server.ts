import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '@postern/local-cloud';
import pg from 'pg';

export const CACHE: string = fileURLToPath(new URL('../../../../../.cache/postern', import.meta.url));

/** Where a server is, in words that go to other processes. */
export interface ServerAddress {
  readonly socketDir: string;
  /** Of the socket's name, and on 127.0.0.1. */
  readonly port: number;
  readonly superuser: string;
  readonly master: string;
  /** Of everybody over TCP, who has to prove it by SCRAM. */
  readonly password: string;
}

/** Owns the test databases, whoever makes them. */
export const OWNER = 'bench_owner';
/** May reset databases and nothing else. */
export const RESETTER = 'bench_resetter';

export interface BenchServer extends AsyncDisposable {
  readonly address: ServerAddress;
  readonly version: string;
  readonly inMemory: boolean;
}

export type BenchSettings = Readonly<Record<string, string | number | boolean>>;

/** What a server has that nobody has tuned; the way to it stays ours. */
export const UNTUNED: BenchSettings = {
  fsync: true,
  synchronous_commit: true,
  full_page_writes: true,
  max_wal_senders: 10,
  wal_init_zero: true,
  checkpoint_timeout: '5min',
  max_wal_size: '1GB',
  bgwriter_lru_maxpages: 100,
  autovacuum: true,
  jit: true,
};

/**
 * An embedded server with the settings that Postern gives to throw-away servers, reachable by a Unix socket (trusted)
 * and by TCP (SCRAM), as the tools of the baselines reach theirs.
 */
export async function startServer(settings: BenchSettings = {}): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), 'pbd-'));
  let server: PostgresServer | undefined;
  const stop = async (): Promise<void> => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const port = await freePort();
    server = await startPostgres({
      cacheDir: CACHE,
      runDir: folder,
      settings: { listen_addresses: '127.0.0.1', port, max_connections: 400, ...settings },
    });
    const { socketDir, superuser, master, version, dataDir } = server;
    const address = { socketDir, port, superuser, master, password: 'bench' };
    await writeFile(
      join(dataDir, 'pg_hba.conf'),
      'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
    );
    await withClient(bySocket(address, { database: 'postgres' }), async (client) => {
      await client.query(`ALTER ROLE ${superuser} PASSWORD '${address.password}';
        CREATE ROLE ${OWNER} LOGIN PASSWORD '${address.password}';
        CREATE ROLE ${RESETTER} LOGIN;
        GRANT ${OWNER} TO ${master};
        SELECT pg_reload_conf();`);
    });
    const inMemory = dataDir.startsWith('/dev/shm');
    return { address, version, inMemory, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}

/** The way of our engine: a socket that only this user reaches. */
export function bySocket(
  { socketDir, port, superuser }: ServerAddress,
  { database, user = superuser }: { database: string; user?: string },
): pg.ClientConfig {
  return { host: socketDir, port, user, database };
}

/** The way of the baselines. */
export function byTcp(
  { port, superuser, password }: ServerAddress,
  { database, user = superuser }: { database: string; user?: string },
): pg.ClientConfig {
  return { host: '127.0.0.1', port, user, password, database };
}

export async function connected(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config);
  // A session that a reset or the end of a suite has ended is no reason to crash.
  client.on('error', () => {});
  await client.connect();
  return client;
}

export async function withClient<T>(
  config: pg.ClientConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connected(config);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Drops the databases whose name starts so, whoever is in them. */
export async function dropDatabases(address: ServerAddress, prefix: string): Promise<void> {
  await withClient(bySocket(address, { database: 'postgres' }), async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [prefix],
    );
    for (const { datname } of rows) {
      await client.query(`ALTER DATABASE ${datname} IS_TEMPLATE false`);
      await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
    }
  });
}
