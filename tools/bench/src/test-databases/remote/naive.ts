import { openTunnel } from '@postern/ssm-tunnel';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { Run } from '../run.ts';
import { fileStatements, type SampleSchema } from '../schema/sample-schema.ts';
import type { Site } from './site.ts';

/** Sessions that are measured by themselves. */
export const SESSIONS = 10;

export interface NaiveTimes {
  /** A session, node-pg-migrate, all migrations, over the tunnel. */
  readonly templateMs: number;
  /** A session with pg as it comes (TLS, SCRAM), and its first query. */
  readonly sessionMs: readonly number[];
  /** For each file: a session of the administrator, CREATE DATABASE, a session in it, its first query. */
  readonly setupMs: readonly number[];
  /** And afterwards: the administrator again, DROP DATABASE. */
  readonly dropMs: readonly number[];
}

/** What one does today: everything that works with a near database, through the tunnel, with pg as it comes. */
export async function measureNaive(
  site: Site,
  schema: SampleSchema,
  files: number,
  { signal, progress }: Run,
): Promise<NaiveTimes> {
  const { cloud, endpoint, administrator, migrations } = site;
  const { cluster, region, jumpHost, document } = cloud;
  await using tunnel = await openTunnel({
    target: jumpHost.instanceId,
    document,
    remotePort: cluster.port,
    region,
    endpoint,
    credentials: cloud.credentials('ci'),
    signal,
  });
  const session = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({
      ...administrator,
      database,
      host: cluster.endpoint,
      port: cluster.port,
      stream: () => alreadyConnected(tunnel.connect()),
      ssl: { ca: cluster.caPem, servername: cluster.endpoint },
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const asAdministrator = async (statement: string): Promise<void> => {
    const client = await session('postgres');
    await client.query(statement);
    await client.end();
  };

  const sessionMs: number[] = [];
  for (let n = 0; n < SESSIONS; n++) {
    const opening = performance.now();
    const client = await session('postgres');
    await client.query('SELECT 1');
    sessionMs.push(performance.now() - opening);
    await client.end();
  }

  progress(`${schema.migrations} migrations by node-pg-migrate over the tunnel`);
  const started = performance.now();
  await asAdministrator('CREATE DATABASE naive_template');
  const migrating = await session('naive_template');
  await runner({
    dbClient: migrating,
    dir: migrations,
    direction: 'up',
    migrationsTable: 'pgmigrations',
    log: () => {},
  });
  await migrating.end();
  const templateMs = performance.now() - started;

  const times = { setupMs: [] as number[], dropMs: [] as number[] };
  for (let file = -1; file < files; file++) {
    signal.throwIfAborted();
    if (file % 5 === 0) progress(`create and drop for each file, file ${file + 1} of ${files}`);
    const wanted = performance.now();
    await asAdministrator('CREATE DATABASE naive_file TEMPLATE naive_template');
    const client = await session('naive_file');
    await client.query('SELECT 1');
    const ready = performance.now();
    for (const statement of fileStatements(schema, file + 1)) await client.query(statement);
    await client.end();
    const ending = performance.now();
    await asAdministrator('DROP DATABASE naive_file');
    if (file < 0) continue;
    times.setupMs.push(ready - wanted);
    times.dropMs.push(performance.now() - ending);
  }
  return { templateMs, sessionMs, ...times };
}

/** pg calls `connect()` and waits for the event; a stream of the tunnel may be written to from the start. */
function alreadyConnected(
  stream: ReturnType<Awaited<ReturnType<typeof openTunnel>>['connect']>,
): typeof stream {
  return Object.assign(stream, {
    connect: () => {
      process.nextTick(() => stream.emit('connect'));
      return stream;
    },
    setNoDelay: () => stream,
    setKeepAlive: () => stream,
    ref: () => stream,
    unref: () => stream,
  });
}
