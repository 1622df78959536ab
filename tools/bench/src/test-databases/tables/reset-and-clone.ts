import { resetDatabase, warmReset } from '@postern/test-databases/server';
import type pg from 'pg';
import { PREFIX } from '../methods/method.ts';
import type { Run } from '../run.ts';
import { fileStatements, type SampleSchema } from '../schema/sample-schema.ts';
import {
  bySocket,
  connected,
  dropDatabases,
  OWNER,
  RESETTER,
  type ServerAddress,
} from '../server/bench-server.ts';
import type { Templates } from '../server/templates.ts';
import { cpuMsOf } from './server-cpu.ts';

/** Of each repetition, in milliseconds. */
interface Timing {
  readonly ms: number[];
  /** What the server's process of the session had of a core: other work on the machine does not show in it. */
  readonly cpuMs: number[];
}
export type Timings = Readonly<Record<ResetOrClone, Timing>>;

const KINDS = [
  'file, no machinery',
  'file, with the machinery',
  'BEGIN, file, ROLLBACK',
  'reset, nothing was touched',
  'reset, after a file',
  'reset, first one of a session',
  'warming a session',
  'reset, first one of a warmed session',
  'reset, after statements of 300 rows',
  'TRUNCATE all, seed again',
  'clone, FILE_COPY',
  'clone, WAL_LOG',
  'session in a clone, FILE_COPY',
  'session in a clone, WAL_LOG',
  'DROP DATABASE',
] as const;
type ResetOrClone = (typeof KINDS)[number];

/** What brings a database back to its template, all in turns: in place, or by a new one. */
export async function measureResetAndClone(
  { address, templates, schema }: { address: ServerAddress; templates: Templates; schema: SampleSchema },
  { signal, progress, quick }: Run,
): Promise<Timings> {
  await using sessions = new AsyncDisposableStack();
  const open = async (database: string, user?: string): Promise<pg.Client> => {
    const session = await connected(bySocket(address, { database, ...(user === undefined ? {} : { user }) }));
    sessions.defer(() => session.end());
    return session;
  };
  sessions.defer(async () => {
    await dropDatabases(address, PREFIX);
  });
  const admin = await open('postgres');
  const [plainName, resetName] = [`${PREFIX}micro_plain`, `${PREFIX}micro_reset`];
  await admin.query(`CREATE DATABASE ${plainName} TEMPLATE ${templates.plain} OWNER ${OWNER}`);
  await admin.query(`CREATE DATABASE ${resetName} TEMPLATE ${templates.resettable} OWNER ${OWNER}`);
  const plain = await open(plainName, OWNER);
  const app = await open(resetName, OWNER);
  const resetter = await open(resetName, RESETTER);
  const pids = new Map<pg.Client, number>();
  for (const session of [admin, plain, app, resetter]) pids.set(session, await pidOf(session));
  const keep = [pids.get(app) ?? 0];
  const reset = async (by = resetter): Promise<void> => {
    const outcome = await resetDatabase(by, { keep });
    if (outcome.status !== 'reset') throw new Error(`The reset refused: ${outcome.reason} ${outcome.detail}`);
  };
  await copySeeds(plain, schema);

  const timings = Object.fromEntries(
    KINDS.map((kind) => [kind, { ms: [], cpuMs: [] } satisfies Timing]),
  ) as unknown as Timings;
  const rounds = quick ? 6 : 60;
  for (let round = -1; round < rounds; round++) {
    signal.throwIfAborted();
    if (round % 10 === 0) progress(`reset and clone, round ${round + 1} of ${rounds}`);
    const time = async (
      kind: ResetOrClone,
      by: pg.Client | undefined,
      work: () => Promise<unknown>,
    ): Promise<void> => {
      const pid = by && pids.get(by);
      const cpu = pid && cpuMsOf(pid);
      const start = performance.now();
      await work();
      if (round < 0) return;
      timings[kind].ms.push(performance.now() - start);
      if (pid !== undefined && cpu !== undefined) timings[kind].cpuMs.push(cpuMsOf(pid) - cpu);
    };
    const file = async (session: pg.Client): Promise<void> => {
      for (const statement of fileStatements(schema, round + 1)) await session.query(statement);
    };
    await time('BEGIN, file, ROLLBACK', plain, async () => {
      await plain.query('BEGIN');
      await file(plain);
      await plain.query('ROLLBACK');
    });
    await time('file, no machinery', plain, () => file(plain));
    await time('file, with the machinery', app, () => file(app));
    await time('reset, after a file', resetter, () => reset());
    await time('reset, nothing was touched', resetter, () => reset());
    for (const statement of largeStatements(schema, round + 1)) await app.query(statement);
    await time('reset, after statements of 300 rows', resetter, () => reset());
    if (round % 5 === 0) {
      await time('TRUNCATE all, seed again', plain, () => plain.query(truncateAndSeed(schema)));
      for (const warmed of [false, true]) {
        await file(app);
        const fresh = await connected(bySocket(address, { database: resetName, user: RESETTER }));
        pids.set(fresh, await pidOf(fresh));
        keep.push(pids.get(resetter) ?? 0);
        if (warmed) await time('warming a session', fresh, () => warmReset(fresh));
        await time(`reset, first one of a ${warmed ? 'warmed ' : ''}session`, fresh, () => reset(fresh));
        keep.pop();
        await fresh.end();
      }
    }
    for (const strategy of ['FILE_COPY', 'WAL_LOG'] as const) {
      const name = `${PREFIX}micro_clone`;
      const create = `CREATE DATABASE ${name} TEMPLATE ${templates.resettable} OWNER ${OWNER} STRATEGY ${strategy}`;
      await time(`clone, ${strategy}`, admin, () => admin.query(create));
      await time(`session in a clone, ${strategy}`, undefined, async () => {
        const session = await connected(bySocket(address, { database: name, user: OWNER }));
        await session.query('SELECT 1');
        await session.end();
      });
      await time('DROP DATABASE', admin, () => admin.query(`DROP DATABASE ${name} WITH (FORCE)`));
    }
  }
  return timings;
}

async function pidOf(session: pg.Client): Promise<number> {
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

function largeStatements(schema: SampleSchema, round: number): readonly string[] {
  const empty = schema.tableNames.slice(schema.seeded.length);
  const [inserted, updated] = [empty[round % empty.length], schema.seeded[round % schema.seeded.length]];
  return [
    `INSERT INTO ${inserted} (name) SELECT 'row ' || n FROM generate_series(1, 300) n`,
    `UPDATE ${updated} SET amount = amount + 1 WHERE id <= 300`,
  ];
}

/** What people do by hand: they keep a copy of the seeds, empty every table and copy them back. */
async function copySeeds(session: pg.Client, { seeded }: SampleSchema): Promise<void> {
  for (const table of seeded) await session.query(`CREATE TABLE seeds_of_${table} AS TABLE ${table}`);
}

function truncateAndSeed({ tableNames, seeded }: SampleSchema): string {
  return [
    `TRUNCATE ${tableNames.join(', ')} RESTART IDENTITY CASCADE`,
    ...seeded.map((table) => `INSERT INTO ${table} SELECT * FROM seeds_of_${table}`),
    ...seeded.map(
      (table) =>
        `SELECT setval(pg_get_serial_sequence('${table}', 'id'), (SELECT max(id) FROM ${table}), true)`,
    ),
  ].join('; ');
}
