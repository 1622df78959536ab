import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunFuzzOptions, runFuzz } from './fuzz/run-fuzz.ts';
import type { Outcome } from './outcome.ts';

/** The fuzzer, which prints its own tables, as one of the runs. */
export async function fuzzing(options: Omit<RunFuzzOptions, 'json'>): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-fuzz-'));
  try {
    const json = join(folder, 'report.json');
    const { ok } = await runFuzz({ ...options, json });
    const details = JSON.parse(readFileSync(json, 'utf8')) as Details;
    return {
      name: 'fuzz',
      settings: { seconds: options.seconds, seed: details.seed },
      figures: {
        runs: (details.targets ?? []).reduce((sum, { runs }) => sum + runs, 0),
        found: details.found.length,
        'peak heap MiB': (details.peakHeapBytes ?? 0) / 2 ** 20,
      },
      failures: ok ? [] : details.found.map(({ target, problem }) => `${target}: ${problem}`),
      details,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the fuzzer writes, as far as it is read here; the rest is there after a run that was not cut short. */
interface Details {
  readonly seed: number;
  readonly found: readonly { readonly target: string; readonly problem: string }[];
  readonly targets?: readonly { readonly runs: number }[];
  readonly peakHeapBytes?: number;
}
