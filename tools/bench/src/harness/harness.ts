import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connectHost } from '@postern/connect/host';
import { interruptible } from '../test-databases/interruptible.ts';
import { type BenchResult, record, startReport, writeReport } from '../tunnel/report/report.ts';
import { summarise } from '../tunnel/report/samples.ts';
import { figure, renderTable, spread } from '../tunnel/report/table.ts';
import { UsageError } from '../tunnel/tunnel.ts';
import { copyLedger, type LedgerWorkspace } from './workspace.ts';

const FILE = join(import.meta.dirname, '../../.cache/harness.json');

type State = 'cold' | 'warm' | 'host running';
type Way = 'by hand' | 'postern';

interface Sample {
  readonly state: State;
  readonly way: Way;
  readonly ms: number;
}

export async function harness(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  await interruptible(async (signal) => {
    const report = startReport({ quick: options.quick, site: 'local' });
    const result = await record(report, 'harness', () => measure(options.quick ? 1 : 5, signal));
    await writeReport(FILE, report);
    if (options.json) {
      console.log(JSON.stringify(report));
      return;
    }
    console.log(`${result.title}\n\n${renderTable(result.head, result.rows)}\n`);
    for (const note of result.notes) console.log(note);
    console.log(`${report.processor}, ${report.cores} cores, Node ${report.node}. Figures: ${FILE}`);
  });
}

async function measure(rounds: number, signal: AbortSignal): Promise<BenchResult> {
  await using workspace = await copyLedger();
  const samples: Sample[] = [];
  for (const state of ['cold', 'warm', 'host running'] as const) {
    await using _host = state === 'host running' ? await startHost(workspace, signal) : undefined;
    // Cold is what it is from the first time on; the others are warmed up by what ran before them.
    for (let round = 0; round < (state === 'cold' ? Math.min(3, rounds) : rounds); round++) {
      for (const way of ['by hand', 'postern'] as const) {
        if (state === 'cold') await rm(workspace.cache, { recursive: true, force: true });
        signal.throwIfAborted();
        console.error(`${state}, round ${round + 1}: ${way}`);
        samples.push({ state, way, ms: await runVitest(workspace, way, signal) });
      }
    }
  }
  return describe(samples);
}

/** What keeps a host: a client that stays, as a second suite or a watching vitest would be. */
async function startHost({ ledger }: LedgerWorkspace, signal: AbortSignal): Promise<AsyncDisposable> {
  const before = process.env['POSTERN_HOST_GRACE_MS'];
  process.env['POSTERN_HOST_GRACE_MS'] = '0';
  try {
    const host = await connectHost({ root: ledger, signal });
    await host.bootstrap();
    return host;
  } finally {
    if (before === undefined) delete process.env['POSTERN_HOST_GRACE_MS'];
    else process.env['POSTERN_HOST_GRACE_MS'] = before;
  }
}

/** How long a run takes. Aborted, it is waited for: the workspace is removed only when nobody writes there any more. */
async function runVitest(
  { vitest, ledger, configs, cache, runDir, migrations }: LedgerWorkspace,
  way: Way,
  signal: AbortSignal,
): Promise<number> {
  const config = way === 'postern' ? configs.postern : configs.plain;
  const started = performance.now();
  const child = spawn(process.execPath, [vitest, 'run', '--root', ledger, '--config', config], {
    cwd: ledger,
    env: {
      ...process.env,
      NODE_OPTIONS: '--conditions=@postern/source',
      POSTERN_HOST_GRACE_MS: '0',
      BENCH_PLAIN: JSON.stringify({ cacheDir: join(cache, 'postern'), runDir, migrations }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): void => void child.kill();
  signal.addEventListener('abort', stop);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code));
  }).finally(() => signal.removeEventListener('abort', stop));
  const ms = performance.now() - started;
  if (exitCode !== 0) throw new Error(`vitest (${way}) ended with ${exitCode}:\n${output.slice(-5000)}`);
  return ms;
}

function describe(samples: readonly Sample[]): BenchResult {
  const times = (state: State, way: Way): number[] =>
    samples.filter((each) => each.state === state && each.way === way).map(({ ms }) => ms / 1000);
  return {
    title: 'The ledger’s integration suite, seconds from the start of vitest to its end',
    head: ['', 'by hand', 'postern', 'overhead, s', 'ratio', 'rounds'],
    rows: (['cold', 'warm', 'host running'] as const).map((state) => {
      const [plain, ours] = [summarise(times(state, 'by hand')), summarise(times(state, 'postern'))];
      return [
        state,
        spread(plain),
        spread(ours),
        figure(ours.median - plain.median),
        figure(ours.median / plain.median),
        String(ours.repetitions),
      ];
    }),
    notes: [
      'Medians, in turns. By hand: the same embedded server, migrations once by node-pg-migrate, one database that all files share, no tunnel, no tokens, no TLS. Cold: no cached server directory and no cached artefact. Host running: for Postern only; by hand it is another warm round.',
    ],
    data: samples,
  };
}

function readOptions(args: readonly string[]): { quick: boolean; json: boolean } {
  const boolean = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ args: [...args], options: { quick: boolean, json: boolean } }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
