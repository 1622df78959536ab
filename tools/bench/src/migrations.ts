import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Artefact, buildArtifact } from '@postern/bootstrap/build';
import { migrateTestDatabase } from '@postern/bootstrap/migrate';
import { type PostgresServer, startPostgres } from '@postern/local-cloud';
import pg from 'pg';
import { median } from './median.ts';
import { startPeer } from './tunnel/peer/start-peer.ts';
import { figure, renderTable } from './tunnel/report/table.ts';

export interface MigrationsSettings {
  readonly migrations: number;
  readonly rounds: number;
  readonly oneWayDelayMs: number;
}

const MIGRATIONS: MigrationsSettings = { migrations: 200, rounds: 3, oneWayDelayMs: 20 };

export interface MigrationsResult {
  readonly settings: MigrationsSettings;
  readonly vpcMs: number;
  readonly tunnelMs: number;
  /** How many times longer over the tunnel. */
  readonly ratio: number;
  /** Messages to the server for each migration, those before the first and after the last included. */
  readonly messagesPerMigration: number;
}

/**
 * The same small migrations beside the server, as the function in the VPC runs them, and over a tunnel with a delay, as
 * someone on a laptop would; each time in an empty database, taking turns.
 */
export async function migrations(settings: MigrationsSettings = MIGRATIONS): Promise<MigrationsResult> {
  await using disposables = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'pbb-'));
  disposables.defer(() => rm(folder, { recursive: true, force: true }));
  const artefact = await buildMigrations(join(folder, 'workspace'), settings.migrations);
  const server = disposables.use(
    await startPostgres({
      cacheDir: fileURLToPath(new URL('../../../.cache/postern', import.meta.url)),
      runDir: folder,
    }),
  );
  const atServer = disposables.use(await listen(() => connect(server.socketPath)));
  const peer = disposables.use(await startPeer({ service: { oneWayDelayMs: settings.oneWayDelayMs } }));
  const tunnel = disposables.use(await peer.open({ remotePort: atServer.port }));
  const atLaptop = disposables.use(await listen(() => tunnel.connect()));

  const times = { vpc: [] as number[], tunnel: [] as number[] };
  let messages = 0;
  for (let round = 0; round < settings.rounds; round++) {
    for (const [way, { port }] of [
      ['vpc', atServer],
      ['tunnel', atLaptop],
    ] as const) {
      const run = await runOnce(server, artefact, port, join(folder, `${way}-${round}`));
      times[way].push(run.ms);
      messages = run.messages;
    }
  }
  const [vpcMs, tunnelMs] = [median(times.vpc), median(times.tunnel)];
  return {
    settings,
    vpcMs,
    tunnelMs,
    ratio: tunnelMs / vpcMs,
    messagesPerMigration: messages / settings.migrations,
  };
}

/** For the terminal. */
export function renderMigrations(result: MigrationsResult): string {
  const { vpcMs, tunnelMs, ratio, messagesPerMigration, settings } = result;
  const row = (name: string, ms: number): string[] => [
    name,
    figure(ms / 1000),
    figure(ms / settings.migrations),
  ];
  const table = renderTable(
    [`${settings.migrations} migrations`, 'seconds', 'ms each'],
    [row('in the VPC', vpcMs), row(`over a tunnel, ${settings.oneWayDelayMs} ms one way`, tunnelMs)],
  );
  return `${table}
ratio ${figure(ratio)}; ${messagesPerMigration.toFixed(2)} messages to the server for each migration
medians of ${settings.rounds} runs each, taking turns, Node ${process.version}`;
}

/** Half in SQL, half in TypeScript: a table, a column, an index, some rows. */
async function buildMigrations(root: string, count: number): Promise<Artefact> {
  const folder = join(root, 'database', 'migrations');
  await mkdir(folder, { recursive: true });
  await writeFile(join(root, 'database', 'database.ts'), `export default { name: 'bench' };\n`);
  for (let n = 1; n <= count; n++) {
    const name = `${String(n).padStart(4, '0')}_small`;
    const [file, text] = n % 2 === 0 ? [`${name}.sql`, sqlMigration(n)] : [`${name}.ts`, codeMigration(n)];
    await writeFile(join(folder, file), text);
  }
  return await buildArtifact({ root });
}

function sqlMigration(n: number): string {
  return `-- Up Migration
ALTER TABLE t${n - 1} ADD COLUMN amount bigint NOT NULL DEFAULT 0;
INSERT INTO t${n - 1} (name) SELECT 'row ' || n FROM generate_series(1, 10) n;
-- Down Migration
ALTER TABLE t${n - 1} DROP COLUMN amount;
`;
}

function codeMigration(n: number): string {
  return `import type { MigrationBuilder } from 'node-pg-migrate';
export const up = (pgm: MigrationBuilder): void => {
  pgm.createTable('t${n}', { id: 'id', name: { type: 'text', notNull: true } });
  pgm.createIndex('t${n}', 'name');
};
`;
}

async function runOnce(
  server: PostgresServer,
  { zip, manifest }: Artefact,
  port: number,
  folder: string,
): Promise<{ ms: number; messages: number }> {
  const [database] = manifest.databases;
  if (database === undefined) throw new Error('The artefact has no database.');
  const admin = new pg.Client({ host: server.socketDir, user: server.superuser, database: 'postgres' });
  await admin.connect();
  try {
    await admin.query('CREATE DATABASE bench_run');
    const session = new pg.Client({ host: '127.0.0.1', port, user: server.superuser, database: 'bench_run' });
    await session.connect();
    let messages = 0;
    const counted = {
      query: (text: string, values?: unknown[]) => {
        messages++;
        return session.query(text, values);
      },
      end: () => session.end(),
    };
    const start = performance.now();
    try {
      await migrateTestDatabase(counted, { zip, database, folder });
      return { ms: performance.now() - start, messages };
    } finally {
      await session.end();
    }
  } finally {
    await admin.query('DROP DATABASE IF EXISTS bench_run WITH (FORCE)');
    await admin.end();
  }
}

/** A port on this machine that leads to a new `open()` for each connection. */
async function listen(open: () => Duplex): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Duplex>();
  const listener = createServer({ noDelay: true }, (socket) => {
    const other = open();
    sockets.add(socket);
    // However one side goes, also by an error, the other goes with it: whoever waits for its end would wait for ever.
    pipeline(socket, other, socket, () => {
      for (const stream of [socket, other]) stream.destroy();
      sockets.delete(socket);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await once(listener, 'close');
    },
  };
}
