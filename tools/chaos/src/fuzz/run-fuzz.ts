import { writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { addToCorpus } from './corpus.ts';
import type { FoundCase, FuzzReport } from './fuzz.ts';
import { Slate } from './slate.ts';

export interface RunFuzzOptions {
  readonly seconds: number;
  /** Default: a new one each time; it is printed. */
  readonly seed?: number;
  /** File for the report. */
  readonly json?: string;
  /** Default: all of envelope, bodies, smux, reliability, channel. */
  readonly targets?: readonly string[];
  /** Keep inputs that reached new code for the test that replays the corpus. Default false. */
  readonly keepReached?: boolean;
}

/** No input takes so long; what does not end is stopped and reported. */
const HANG_MS = 20_000;
const MAX_HEAP_MB = 512;
/** Larger ones are not worth their place in the repository. */
const MAX_KEPT_BYTES = 400;

/** Fuzzes in a thread of its own, prints a table, and saves what was found in the corpus. */
export async function runFuzz(options: RunFuzzOptions): Promise<{ ok: boolean }> {
  const seed = options.seed ?? Date.now() % 2 ** 31;
  console.log(`\nfuzz: ${options.seconds} s, seed ${seed}`);
  const { report, found } = await inThread(options, seed);
  for (const { target, hex, problem } of found) addToCorpus(target, [{ kind: 'found', hex, problem }]);
  if (options.keepReached) {
    for (const { name, reached } of report?.targets ?? []) {
      const small = reached.filter((hex) => hex.length <= 2 * MAX_KEPT_BYTES);
      addToCorpus(
        name,
        small.map((hex) => ({ kind: 'reached', hex })),
      );
    }
  }
  if (report !== undefined) printReport(report);
  for (const { target, problem, hex, stack } of found) {
    console.log(`FOUND in ${target}: ${problem}\n  input ${hex}\n  ${stack}`);
  }
  console.log(found.length === 0 ? 'fuzz: nothing found' : `fuzz: ${found.length} found`);
  if (options.json !== undefined) {
    const result = { name: 'fuzz', seconds: options.seconds, seed, node: process.version, found, ...report };
    writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  }
  return { ok: found.length === 0 && report !== undefined };
}

async function inThread(
  options: RunFuzzOptions,
  seed: number,
): Promise<{ report: FuzzReport | undefined; found: readonly FoundCase[] }> {
  const slate = new Slate();
  const { seconds, targets } = options;
  const worker = new Worker(new URL('./fuzz-worker.ts', import.meta.url), {
    workerData: { seconds, seed, targets, memory: slate.memory },
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  const blame = (problem: string): { report: undefined; found: readonly FoundCase[] } => ({
    report: undefined,
    found: [{ ...slate.read(), problem, stack: '' }],
  });
  let runs = -1;
  let watch: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve) => {
      watch = setInterval(() => {
        if (slate.runs === runs) resolve(blame(`does not end within ${HANG_MS} ms`));
        runs = slate.runs;
      }, HANG_MS);
      worker.on('message', (report: FuzzReport) => resolve({ report, found: report.found }));
      // Out of memory ends up here as well.
      worker.on('error', (error) => resolve(blame(`ends the thread: ${String(error)}`)));
      worker.on('exit', (code) => resolve(blame(`ends the thread with ${code}`)));
    });
  } finally {
    clearInterval(watch);
    await worker.terminate();
  }
}

function printReport({ targets, files, peakHeapBytes }: FuzzReport): void {
  console.log('\n  target           runs  kept  slowest ms');
  for (const { name, runs, reached, slowestMs } of targets) {
    console.log(
      `  ${name.padEnd(12)} ${runs.toLocaleString('en').padStart(9)} ${String(reached.length).padStart(5)} ${slowestMs.toFixed(0).padStart(11)}`,
    );
  }
  console.log('\n  file                                blocks reached');
  const row = (name: string, covered: number, total: number): void => {
    const share = ((100 * covered) / Math.max(1, total)).toFixed(1);
    console.log(`  ${name.padEnd(34)} ${`${covered} / ${total}`.padStart(13)} ${share.padStart(6)} %`);
  };
  for (const { file, coveredBlocks, totalBlocks } of files) row(file, coveredBlocks, totalBlocks);
  const sum = (key: 'coveredBlocks' | 'totalBlocks'): number =>
    files.reduce((total, it) => total + it[key], 0);
  row('all', sum('coveredBlocks'), sum('totalBlocks'));
  console.log(`\n  peak heap ${(peakHeapBytes / 2 ** 20).toFixed(0)} MiB`);
}
