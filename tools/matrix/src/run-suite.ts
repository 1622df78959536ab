import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { variable } from './suites.ts';

export interface Outcome {
  readonly passed: boolean;
  /** Such as `46 tests`, or `2 of 46 tests failed`. */
  readonly summary: string;
  /** Everything that vitest printed. */
  readonly output: string;
}

/** vitest's own JSON report, as far as it is read here. */
interface Report {
  readonly numTotalTests: number;
  readonly numFailedTests: number;
}

/** Runs those test files of the package at `folder` on the server of that version; undefined is the built-in one. An abort ends them. */
export async function runSuite(
  folder: string,
  files: readonly string[],
  major: number | undefined,
  signal: AbortSignal,
): Promise<Outcome> {
  if (files.length === 0) return { passed: false, summary: `no test reads ${variable}`, output: '' };
  const temporary = mkdtempSync(join(tmpdir(), 'postern-matrix-'));
  const reportFile = join(temporary, 'report.json');
  try {
    const { code, output } = await run(folder, [...files, ...reporters(reportFile)], major, signal);
    const report = readReport(reportFile);
    return { passed: code === 0, summary: summarise(code, report), output };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function reporters(reportFile: string): string[] {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
}

function run(
  folder: string,
  args: readonly string[],
  major: number | undefined,
  signal: AbortSignal,
): Promise<{ code: number | string; output: string }> {
  const child = spawn('vitest', ['run', ...args], {
    cwd: folder,
    env: { ...process.env, [variable]: major === undefined ? '' : String(major) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  signal.addEventListener('abort', () => child.kill());
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((fulfil, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      fulfil({ code: code ?? signal ?? 1, output: Buffer.concat(output).toString() }),
    );
  });
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

function summarise(code: number | string, report: Report | undefined): string {
  if (!report) return `vitest ended with ${code}`;
  const { numTotalTests, numFailedTests } = report;
  if (numFailedTests > 0) return `${numFailedTests} of ${numTotalTests} tests failed`;
  // A file that cannot be imported has no tests that could fail.
  return code === 0 ? `${numTotalTests} tests` : `${numTotalTests} tests and an error outside of them`;
}
