import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@postern/local-cloud';
import type { Run } from '../run.ts';
import type { SampleSchema } from '../schema/sample-schema.ts';
import { CACHE, connected } from '../server/bench-server.ts';

export interface ColdStart {
  /** initdb, start, every migration in a transaction of its own, first query. */
  readonly scratchMs: readonly number[];
  /** The cached data directory, start, the same migrations in one batch, clone, first query: what the product does. */
  readonly cachedMs: readonly number[];
  /** Of that: until the server answers. */
  readonly cachedServerMs: readonly number[];
}

/** From nothing to a migrated database that answers. */
export async function measureColdStart(
  schema: SampleSchema,
  { signal, progress, quick }: Run,
): Promise<ColdStart> {
  const times = { scratchMs: [] as number[], cachedMs: [] as number[], cachedServerMs: [] as number[] };
  const rounds = quick ? 1 : 5;
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    progress(`cold start, round ${round + 1} of ${rounds}`);
    const folder = await mkdtemp(join(tmpdir(), 'pbc-'));
    try {
      const scratch = await start({ cacheDir: join(folder, 'cache'), runDir: folder }, schema, false);
      times.scratchMs.push(scratch.totalMs);
      const cached = await start({ cacheDir: CACHE, runDir: folder }, schema, true);
      times.cachedMs.push(cached.totalMs);
      times.cachedServerMs.push(cached.serverMs);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return times;
}

async function start(
  options: { cacheDir: string; runDir: string },
  { statements }: SampleSchema,
  cloned: boolean,
): Promise<{ totalMs: number; serverMs: number }> {
  const started = performance.now();
  await using server = await startPostgres(options);
  const session = (database: string) =>
    connected({ host: server.socketDir, user: server.superuser, database });
  const admin = await session('postgres');
  const serverMs = performance.now() - started;
  await admin.query('CREATE DATABASE migrated');
  const migrating = await session('migrated');
  if (cloned) await migrating.query(statements.join('\n'));
  else for (const statement of statements) await migrating.query(`BEGIN; ${statement} COMMIT`);
  await migrating.end();
  if (cloned) await admin.query('CREATE DATABASE first TEMPLATE migrated STRATEGY FILE_COPY');
  const first = await session(cloned ? 'first' : 'migrated');
  await first.query('SELECT count(*) FROM t001');
  const totalMs = performance.now() - started;
  await first.end();
  await admin.end();
  return { totalMs, serverMs };
}
