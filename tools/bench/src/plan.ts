import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type DatabaseDeclaration, defineDatabase } from '@postern/bootstrap';
import { type PostgresServer, startPostgres } from '@postern/local-cloud';
import { build } from 'esbuild';
import pg from 'pg';
import { median } from './median.ts';
import { figure, renderTable } from './tunnel/report/table.ts';

export interface PlanSettings {
  readonly databases: number;
  /** Declared roles in all of them together. */
  readonly roles: number;
  readonly rounds: number;
}

const PLAN: PlanSettings = { databases: 20, roles: 60, rounds: 11 };

export interface PlanBenchResult {
  readonly settings: PlanSettings;
  /** Statements of the apply that made everything. */
  readonly statements: number;
  readonly sessions: number;
  readonly queries: number;
  readonly planMs: number;
  /** A session and `SELECT 1` for each database, one after the other. */
  readonly trivialMs: number;
  readonly ratio: number;
}

type Respond = (
  event: unknown,
) => Promise<{ ok: boolean; result: { statements: unknown[] }; error?: unknown }>;
type Session = pg.Client;
interface Parts {
  createHandler(ports: unknown): Respond;
  completeDeclaration(declaration: DatabaseDeclaration): object;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * `plan` with nothing to do, by the handler of the artefact, against one session with one trivial query for each database:
 * what no plan can do without. Both in turns, over a Unix socket and without TLS, so that the difference is all ours.
 */
export async function plan(settings: PlanSettings = PLAN): Promise<PlanBenchResult> {
  await using disposables = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'pbp-'));
  disposables.defer(() => rm(folder, { recursive: true, force: true }));
  const server = disposables.use(
    await startPostgres({ cacheDir: join(root, '.cache', 'postern'), runDir: folder }),
  );
  const declarations = declare(settings);
  const counts = { sessions: 0, queries: 0 };
  const respond = await createRespond(folder, declarations, async (database) => {
    counts.sessions++;
    const session = await connect(server, database);
    const query = session.query.bind(session) as (
      text: string,
      values?: unknown[],
    ) => Promise<pg.QueryResult>;
    return {
      query: async (text: string, values?: unknown[]) => {
        counts.queries++;
        return await query(text, values);
      },
      end: () => session.end(),
    };
  });
  const run = async (action: string): Promise<number> => {
    const answer = await respond({ action });
    if (!answer.ok) throw new Error(JSON.stringify(answer.error));
    return answer.result.statements.length;
  };
  const statements = await run('apply');
  if ((await run('plan')) !== 0) throw new Error('There is something left to do.');

  const times = { plan: [] as number[], trivial: [] as number[] };
  for (let round = 0; round < settings.rounds; round++) {
    Object.assign(counts, { sessions: 0, queries: 0 });
    times.plan.push(await timed(() => run('plan')));
    times.trivial.push(await timed(() => askEach(server, declarations)));
  }
  const [planMs, trivialMs] = [median(times.plan), median(times.trivial)];
  return { settings, statements, ...counts, planMs, trivialMs, ratio: planMs / trivialMs };
}

/** For the terminal. */
export function renderPlan(result: PlanBenchResult): string {
  const { settings, sessions, queries, planMs, trivialMs, ratio, statements } = result;
  const row = (name: string, ...cells: number[]): string[] => [name, ...cells.map(figure)];
  const table = renderTable(
    [`${settings.databases} databases, ${settings.roles} roles`, 'sessions', 'queries', 'per database', 'ms'],
    [
      row('plan with nothing to do', sessions, queries, queries / settings.databases, planMs),
      row('SELECT 1 in each', settings.databases, settings.databases, 1, trivialMs),
    ],
  );
  return `${table}
ratio ${figure(ratio)}; the apply before it ran ${statements} statements
medians of ${settings.rounds} runs each, taking turns, Unix socket, Node ${process.version}`;
}

function declare({ databases, roles }: PlanSettings): DatabaseDeclaration[] {
  return Array.from({ length: databases }, (_, d) =>
    defineDatabase({
      name: `bench${d}`,
      schemas: ['public', 'audit'],
      roles: Object.fromEntries(
        Array.from({ length: roles / databases }, (_, r) => [
          `bench${d}_role${r}`,
          { grant: r % 2 === 0 ? 'readwrite' : 'readonly', settings: { statement_timeout: '30s' } },
        ]),
      ),
    }),
  );
}

/** The handler from its source, with the declarations for an artefact. */
async function createRespond(
  folder: string,
  declarations: readonly DatabaseDeclaration[],
  open: (database: string) => Promise<Pick<Session, 'end'> & { query: unknown }>,
): Promise<Respond> {
  const outfile = join(folder, 'handler.mjs');
  await build({
    stdin: {
      contents: `export { createHandler } from './runtime/create-handler.ts';
        export { completeDeclaration } from './declaration/complete.ts';`,
      resolveDir: join(root, 'packages', 'bootstrap', 'src'),
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@postern/source'],
    external: ['node-pg-migrate', 'pg-native'],
    banner: {
      js: `import{createRequire as __cr}from'node:module';const require=__cr(${JSON.stringify(import.meta.url)});`,
    },
    logLevel: 'silent',
  });
  const { createHandler, completeDeclaration } = (await import(pathToFileURL(outfile).href)) as Parts;
  const hash = '0'.repeat(64);
  const databases = declarations.map((declaration) => ({
    ...completeDeclaration(declaration),
    engine: 'sql',
    migrations: [],
    declarationHash: hash,
    migrationsHash: hash,
    templateHash: hash,
  }));
  return createHandler({
    environment: {
      POSTERN_DB_HOST: 'db.bench',
      POSTERN_DB_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-2:123456789012:secret:master',
      POSTERN_ALLOWED_ACTIONS: 'plan,apply',
    },
    openArtefact: () =>
      Promise.resolve({
        manifest: { version: 2, databases, handler: hash, hash },
        migrationsFolder: () => folder,
        fileOf: () => folder,
        readCa: () => Promise.resolve(''),
      }),
    connector: () => Promise.resolve(open),
    log: () => undefined,
    now: () => performance.now(),
  });
}

async function connect(server: PostgresServer, database: string): Promise<Session> {
  const session = new pg.Client({ host: server.socketDir, user: server.master, database });
  await session.connect();
  return session;
}

async function askEach(server: PostgresServer, declarations: readonly DatabaseDeclaration[]): Promise<void> {
  for (const { name } of declarations) {
    const session = await connect(server, name);
    await session.query('SELECT 1');
    await session.end();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
