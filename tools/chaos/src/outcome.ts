import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** What a run found: figures for people and machines, and everything that was not as promised. */
export interface Outcome {
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** In the order in which they are shown. */
  readonly figures: Readonly<Record<string, number | string>>;
  /** Empty when all is well. */
  readonly failures: readonly string[];
  /** More, for the JSON only. */
  readonly details?: unknown;
}

/** Prints one table. */
export function printOutcome({ name, settings, figures, failures }: Outcome): void {
  const rows = Object.entries({ ...settings, ...figures }).map(([label, value]) => [label, shown(value)]);
  const width = Math.max(...rows.map(([label = '']) => label.length));
  const lines = rows.map(([label = '', value]) => `  ${label.padEnd(width)}  ${value}`);
  const verdict = failures.length === 0 ? 'good' : `${failures.length} FAILED`;
  console.log([`\n${name}: ${verdict}`, ...lines, ...failures.map((text) => `  ! ${text}`)].join('\n'));
}

/** Writes the outcomes with what they were measured on. */
export function writeJson(file: string, outcomes: readonly Outcome[]): void {
  const [cpu] = cpus();
  const machine = { node: process.version, platform: process.platform, cpu: cpu?.model, cpus: cpus().length };
  const results = outcomes.map((outcome) => ({ ...outcome, good: outcome.failures.length === 0 }));
  writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString(), machine, results }, null, 2)}\n`);
}

function shown(value: unknown): string {
  if (typeof value !== 'number') return String(value);
  return (Number.isInteger(value) ? value : Number(value.toFixed(2))).toLocaleString('en-US');
}
