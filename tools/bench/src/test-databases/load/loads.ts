import { METHODS, type MethodName } from '../methods/method.ts';
import type { Crew } from './crew.ts';
import type { FileSample } from './file-sample.ts';

export interface Load {
  readonly name: string;
  readonly workers: number;
  readonly thinkMs: number;
  readonly gapMs: number;
  /** Files in a round of the methods that the targets are about, and of the others: few, and pools stay full throughout. */
  readonly files: { readonly main: number; readonly other: number };
  readonly rounds: { readonly main: number; readonly other: number };
}

/** The methods whose tails are measured, and whom the targets compare. */
const MAIN_METHODS: readonly MethodName[] = ['pgtestdb', 'integresql', 'postern, reset + prefetch'];

export const FULL_LOADS: readonly Load[] = [
  {
    name: 'kept up',
    workers: 2,
    thinkMs: 150,
    gapMs: 20,
    files: { main: 128, other: 32 },
    rounds: { main: 4, other: 2 },
  },
  {
    name: 'busy',
    workers: 4,
    thinkMs: 60,
    gapMs: 10,
    files: { main: 64, other: 32 },
    rounds: { main: 4, other: 4 },
  },
  {
    name: 'overload',
    workers: 4,
    thinkMs: 0,
    gapMs: 0,
    files: { main: 64, other: 32 },
    rounds: { main: 4, other: 4 },
  },
];

/** The same loads with too few files for the tails. */
export const QUICK_LOADS: readonly Load[] = FULL_LOADS.map(({ files, ...load }) => ({
  ...load,
  files: { main: 16, other: (16 * files.other) / files.main },
  rounds: { main: 1, other: 1 },
}));

export interface MethodResult {
  readonly method: MethodName;
  readonly samples: readonly FileSample[];
  /** Of each round, in milliseconds for a file: the suite's time divided by its files. */
  readonly wallPerFileMs: readonly number[];
  readonly prepareMs: readonly number[];
  /** Discards of our pool by reason, and what it cloned and reset. */
  readonly pool: {
    readonly cloned: number;
    readonly reset: number;
    readonly discards: Record<string, number>;
  };
}

export type LoadResult = { readonly load: Load; readonly methods: readonly MethodResult[] };

/** All methods take turns, round by round, so that whatever else the machine does meets all of them. */
export async function runLoad(
  crew: Crew,
  load: Load,
  { signal, progress }: { signal: AbortSignal; progress: (text: string) => void },
  methods: readonly MethodName[] = METHODS,
): Promise<LoadResult> {
  const results = new Map(
    methods.map((method) => [
      method,
      {
        method,
        samples: [] as FileSample[],
        wallPerFileMs: [] as number[],
        prepareMs: [] as number[],
        pool: { cloned: 0, reset: 0, discards: {} as Record<string, number> },
      },
    ]),
  );
  for (let round = 0; round < load.rounds.main; round++) {
    for (const [method, result] of results) {
      const weight = MAIN_METHODS.includes(method) ? 'main' : 'other';
      if (round >= load.rounds[weight]) continue;
      signal.throwIfAborted();
      progress(`${load.name}, round ${round + 1} of ${load.rounds[weight]}: ${method}`);
      const files = load.files[weight];
      const { samples, wallMs, prepareMs, pool } = await crew.run({ ...load, method, files });
      result.samples.push(...samples);
      result.wallPerFileMs.push(wallMs / samples.length);
      result.prepareMs.push(prepareMs);
      if (pool === undefined) continue;
      result.pool.cloned += pool.totals.cloned;
      result.pool.reset += pool.totals.reset;
      for (const [reason, count] of Object.entries(pool.totals.discards)) {
        result.pool.discards[reason] = (result.pool.discards[reason] ?? 0) + count;
      }
    }
  }
  return { load, methods: [...results.values()] };
}
