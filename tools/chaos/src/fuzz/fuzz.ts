import { getHeapStatistics } from 'node:v8';
import { seededRandom } from '@postern/ssm-protocol/testing';
import { BlockCoverage, type FileCoverage } from './block-coverage.ts';
import { readCorpus } from './corpus.ts';
import { mutate } from './mutate.ts';
import { StrayErrors } from './stray-errors.ts';
import type { FuzzTarget } from './target.ts';

export interface FuzzOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Names; all by default. */
  readonly targets?: readonly string[] | undefined;
  /** Called with each input before it runs, so that somebody else can tell what hangs. */
  readonly running?: ((target: string, input: Uint8Array) => void) | undefined;
}

export interface FoundCase {
  readonly target: string;
  readonly problem: string;
  readonly stack: string;
  /** As small as it could be made. */
  readonly hex: string;
}

interface TargetReport {
  readonly name: string;
  readonly runs: number;
  /** Inputs kept because they reached something new. */
  readonly reached: readonly string[];
  readonly slowestMs: number;
}

export interface FuzzReport {
  readonly targets: readonly TargetReport[];
  readonly files: readonly FileCoverage[];
  readonly found: readonly FoundCase[];
  readonly peakHeapBytes: number;
}

const BATCH = 48;
const SLICE_MS = 1_000;
/** One input may not take longer; 10,000 times what is usual. */
const MAX_RUN_MS = 1_000;
const MAX_FOUND = 20;

interface Running {
  readonly target: FuzzTarget;
  readonly corpus: Uint8Array[];
  readonly reached: string[];
  runs: number;
  slowestMs: number;
}

/**
 * Mutates inputs, keeps those that reach blocks that none reached before, and mutates these. Must be called before
 * anything imports the code under test, or its blocks have no counters.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { allTargets, isUnderTest } = await import('./targets.ts');
  using coverage = new BlockCoverage(isUnderTest);
  using stray = new StrayErrors();
  const random = seededRandom(options.seed);
  const chosen = (await allTargets()).filter(({ name }) => options.targets?.includes(name) ?? true);
  const found: FoundCase[] = [];
  let peakHeapBytes = 0;
  coverage.forget();

  const attempt = async (target: FuzzTarget, input: Uint8Array): Promise<Error | undefined> => {
    options.running?.(target.name, input);
    try {
      await target.run(input);
    } catch (error) {
      return error instanceof Error ? error : new Error(`thrown: ${String(error)}`);
    }
    return stray.take();
  };
  const judge = async (it: Running, input: Uint8Array): Promise<void> => {
    const startedAt = performance.now();
    const error = await attempt(it.target, input);
    const elapsedMs = performance.now() - startedAt;
    it.runs++;
    it.slowestMs = Math.max(it.slowestMs, elapsedMs);
    if (error !== undefined) await report(it.target, input, error);
    // A busy machine is slow once, a bad input each time.
    else if (elapsedMs > MAX_RUN_MS && (await leastMs(it.target, input, attempt)) > MAX_RUN_MS) {
      await report(it.target, input, new Error(`takes ${Math.round(elapsedMs)} ms`));
    }
  };
  const report = async (target: FuzzTarget, input: Uint8Array, error: Error): Promise<void> => {
    const problem = `${error.name}: ${error.message}`;
    if (found.length >= MAX_FOUND || found.some((it) => it.problem === problem)) return;
    const small = await shrink(input, async (smaller) => {
      const again = await attempt(target, smaller);
      return again !== undefined && `${again.name}: ${again.message}` === problem;
    });
    const hex = Buffer.from(small).toString('hex');
    found.push({ target: target.name, problem, stack: error.stack ?? '', hex });
  };
  /** Runs inputs and keeps those that reach something new. */
  const explore = async (it: Running, inputs: readonly Uint8Array[]): Promise<void> => {
    for (const input of inputs) await judge(it, input);
    const places = new Set(coverage.collect());
    if (places.size === 0) return;
    for (const input of inputs) {
      await attempt(it.target, input);
      const reached = coverage.reachedNow(places);
      if (reached.length === 0) continue;
      it.corpus.push(input);
      it.reached.push(Buffer.from(input).toString('hex'));
      for (const place of reached) places.delete(place);
      if (places.size === 0) return;
    }
  };

  const all = chosen.map((target): Running => ({ target, corpus: [], reached: [], runs: 0, slowestMs: 0 }));
  for (const it of all) {
    const saved = readCorpus(it.target.name).map(({ hex }) => Buffer.from(hex, 'hex'));
    for (const input of [...it.target.seeds, ...saved]) await explore(it, [input]);
    if (it.corpus.length === 0) it.corpus.push(...it.target.seeds);
  }
  const end = performance.now() + options.seconds * 1_000;
  for (let turn = 0; performance.now() < end && all.length > 0; turn++) {
    const it = all[turn % all.length];
    if (it === undefined) break;
    const sliceEnd = Math.min(end, performance.now() + SLICE_MS);
    while (performance.now() < sliceEnd) await explore(it, breed(it, random));
    peakHeapBytes = Math.max(peakHeapBytes, getHeapStatistics().used_heap_size);
  }
  coverage.collect();
  return {
    targets: all.map(({ target, runs, reached, slowestMs }) => ({
      name: target.name,
      runs,
      reached,
      slowestMs,
    })),
    files: coverage.files,
    found,
    peakHeapBytes,
  };
}

/** Children of what the corpus has; of its latest members more. */
function breed({ corpus, target }: Running, random: () => number): Uint8Array[] {
  const pick = (): Uint8Array => {
    const from = random() < 0.5 ? Math.floor(corpus.length * 0.8) : 0;
    return corpus[from + Math.floor(random() * (corpus.length - from))] ?? new Uint8Array(0);
  };
  return Array.from({ length: BATCH }, () => mutate(pick(), pick(), target.words, random));
}

async function leastMs(
  target: FuzzTarget,
  input: Uint8Array,
  attempt: (target: FuzzTarget, input: Uint8Array) => Promise<unknown>,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let time = 0; time < 3; time++) {
    const startedAt = performance.now();
    await attempt(target, input);
    least = Math.min(least, performance.now() - startedAt);
  }
  return least;
}

/** Leaves out whatever is not needed for the same problem. */
async function shrink(
  input: Uint8Array,
  same: (smaller: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let best = input;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.length; ) {
      const smaller = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (await same(smaller)) best = smaller;
      else at += size;
    }
  }
  return best;
}
