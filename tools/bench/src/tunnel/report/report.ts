import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';

/** One bench: the table for people, the same and more for machines. */
export interface BenchResult {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How it was measured, and what follows from it. */
  readonly notes: readonly string[];
  /** Everything measured, unrounded. */
  readonly data: unknown;
}

export interface Report {
  readonly startedAt: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  readonly quick: boolean;
  /** Where the tunnel led. */
  readonly site: string;
  readonly benches: Record<string, BenchResult & { readonly load: LoadAverages; readonly seconds: number }>;
}

/** Averages over 1, 5 and 15 minutes: what else wanted the cores. */
interface LoadAverages {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export function startReport({ quick, site }: { quick: boolean; site: string }): Report {
  const processors = cpus();
  return {
    startedAt: new Date().toISOString(),
    node: process.version,
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    quick,
    site,
    benches: {},
  };
}

/** Runs a bench and files its result, with the load of the machine around it. */
export async function record(
  report: Report,
  name: string,
  bench: () => Promise<BenchResult>,
): Promise<Report['benches'][string]> {
  const before = loadavg();
  const start = performance.now();
  const result = await bench();
  const seconds = (performance.now() - start) / 1000;
  const entry = { ...result, load: { before, after: loadavg() }, seconds };
  report.benches[name] = entry;
  return entry;
}

export async function writeReport(file: string, report: Report): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}
