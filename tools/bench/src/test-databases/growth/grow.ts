import { median } from '../../median.ts';
import { type BenchResult, type Report, record } from '../../tunnel/report/report.ts';
import { percentile } from '../../tunnel/report/samples.ts';
import { figure } from '../../tunnel/report/table.ts';
import { type Crew, type Suite, type SuiteResult, startCrew } from '../load/crew.ts';
import { type MethodName, PREFIX } from '../methods/method.ts';
import type { Run } from '../run.ts';
import {
  REAL,
  realWithTables,
  type SampleSchema,
  type SchemaSize,
  sampleSchema,
} from '../schema/sample-schema.ts';
import { bySocket, dropDatabases, startServer, withClient } from '../server/bench-server.ts';
import { buildTemplates, type Templates } from '../server/templates.ts';
import { measureResetAndClone } from '../tables/reset-and-clone.ts';

export interface GrowthSettings {
  /** Of the parts that do not grow by tables. */
  readonly size: SchemaSize;
  readonly workers: readonly number[];
  readonly files: readonly number[];
  readonly tables: readonly number[];
}

export function growthSettings(quick: boolean): GrowthSettings {
  return quick
    ? { size: REAL, workers: [1, 4], files: [10, 50], tables: [5, 20] }
    : {
        size: REAL,
        workers: [1, 4, 16, 64],
        files: [10, 50, 200, 1000, 2000],
        tables: [5, 20, 60, 200, 500],
      };
}

const OURS: MethodName = 'postern, reset + prefetch';
const THEIRS: MethodName = 'pgtestdb';
const SUITE_HEAD = [...[THEIRS, 'ours'].flatMap((name) => [`${name} p50`, 'p95', 'ms a file']), 'clones'];
/** The baseline's cost for a file does not depend on their number, and it takes ten times as long. */
const MOST_FILES_OF_BASELINE = 200;

interface Place {
  readonly address: Awaited<ReturnType<typeof startServer>>['address'];
  readonly templates: Templates;
  readonly schema: SampleSchema;
}

/** How cost grows with workers, with files and with tables, ours beside the simplest baseline. */
export async function measureGrowth(report: Report, run: Run, settings: GrowthSettings): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { signal, progress } = run;
  progress('starting a server and building templates');
  const { address } = stack.use(await startServer({ max_connections: 600 }));
  const place = await buildPlace(address, sampleSchema(settings.size));
  {
    await using crew = startCrew({ ...place, processes: 4 });
    signal.addEventListener('abort', () => void crew[Symbol.asyncDispose](), { once: true });
    await record(report, 'workers', () => growWorkers(crew, settings.workers, run));
    await record(report, 'files', () => growFiles(crew, settings.files, run));
  }
  await record(report, 'tables', () => growTables(address, settings.tables, run));
}

async function buildPlace(address: Place['address'], schema: SampleSchema): Promise<Place> {
  return { address, schema, templates: await buildTemplates(address, schema) };
}

async function growWorkers(crew: Crew, counts: readonly number[], run: Run): Promise<BenchResult> {
  const { rows, data } = await growSuite(crew, counts, run, (workers) => ({
    name: `${workers} workers`,
    suite: { workers, files: Math.max(16, 4 * workers), thinkMs: 150, gapMs: 20 },
    baseline: true,
  }));
  return {
    title: 'Growth with workers: files of 150 ms, 4 for each worker (acquire, ms)',
    head: ['workers', ...SUITE_HEAD],
    rows,
    notes: [
      '16 files at least. Workers are simulated: several share a process, and all share the cores with the server.',
    ],
    data,
  };
}

async function growFiles(crew: Crew, counts: readonly number[], run: Run): Promise<BenchResult> {
  const { rows, data } = await growSuite(crew, counts, run, (files) => ({
    name: `${files} files`,
    suite: { workers: 2, files, thinkMs: 20, gapMs: 5 },
    baseline: files <= MOST_FILES_OF_BASELINE,
  }));
  return {
    title: 'Growth with files: 2 workers, files of 20 ms (acquire, ms)',
    head: ['files', ...SUITE_HEAD],
    rows,
    notes: [],
    data,
  };
}

interface Step {
  /** For whoever waits. */
  readonly name: string;
  readonly suite: Omit<Suite, 'method'>;
  /** Whether the baseline runs it, too. */
  readonly baseline: boolean;
}

/** Runs a suite for each count by both methods: a row each, and every sample. */
async function growSuite(
  crew: Crew,
  counts: readonly number[],
  { signal, progress }: Run,
  stepOf: (count: number) => Step,
): Promise<{ rows: string[][]; data: Record<string, unknown> }> {
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  for (const count of counts) {
    const { name, suite, baseline } = stepOf(count);
    const measure = async (method: MethodName): Promise<SuiteResult> => {
      signal.throwIfAborted();
      progress(`${name}: ${method}`);
      return await crew.run({ ...suite, method });
    };
    const theirs = baseline ? await measure(THEIRS) : undefined;
    const ours = await measure(OURS);
    data[count] = { ...(theirs === undefined ? {} : { [THEIRS]: theirs }), [OURS]: ours };
    const clones = String(ours.pool?.totals.cloned ?? '-');
    rows.push([`${count}`, ...cellsOf(theirs), ...cellsOf(ours), clones]);
  }
  return { rows, data };
}

async function growTables(
  address: Place['address'],
  counts: readonly number[],
  run: Run,
): Promise<BenchResult> {
  const rows: string[][] = [];
  const data: Record<string, unknown> = {};
  for (const tables of counts) {
    run.signal.throwIfAborted();
    run.progress(`${tables} tables: template`);
    const started = performance.now();
    const place = await buildPlace(address, sampleSchema(realWithTables(tables)));
    const templatesMs = performance.now() - started;
    const bytes = await withClient(bySocket(address, { database: 'postgres' }), async (client) => {
      const { rows: sizes } = await client.query('SELECT pg_database_size($1)::float8 AS bytes', [
        place.templates.resettable,
      ]);
      return sizes[0].bytes as number;
    });
    const timings = await measureResetAndClone(place, { ...run, quick: true });
    await dropDatabases(address, place.templates.plain);
    await dropDatabases(address, place.templates.resettable);
    await dropDatabases(address, PREFIX);
    data[tables] = { templatesMs, bytes, timings };
    rows.push([
      `${tables}`,
      figure(bytes / 2 ** 20),
      figure(templatesMs),
      figure(median(timings['clone, FILE_COPY'].ms)),
      figure(median(timings['session in a clone, FILE_COPY'].ms)),
      figure(median(timings['reset, nothing was touched'].ms)),
      figure(median(timings['reset, after a file'].ms)),
      figure(median(timings['TRUNCATE all, seed again'].ms)),
    ]);
  }
  return {
    title: 'Growth with tables (p50, ms)',
    head: ['tables', 'MiB', 'both templates', 'clone', 'session', 'reset, clean', 'reset', 'TRUNCATE'],
    rows,
    notes: ['Five indexes for two tables, a trigger for every third one, 5,000 seed rows in all.'],
    data,
  };
}

function cellsOf(result: SuiteResult | undefined): string[] {
  if (result === undefined) return ['-', '-', '-'];
  const acquire = result.samples.map(({ acquireMs }) => acquireMs);
  return [figure(median(acquire)), figure(percentile(acquire, 0.95)), figure(result.wallMs / acquire.length)];
}
