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

/** Runs those test files of the package at `folder` on the server of that version; undefined is the built-in one. */
export async function runSuite(
  folder: string,
  files: readonly string[],
  major: number | undefined,
): Promise<Outcome> {
  if (files.length === 0) return { passed: false, summary: `no test reads ${variable}`, output: '' };
  const temporary = mkdtempSync(join(tmpdir(), 'postern-matrix-'));
  const reportFile = join(temporary, 'report.json');
  try {
    const { code, output } = await run(folder, [...files, ...reporters(reportFile)], major);
    const report = readReport(reportFile);
    return { passed: code === 0, summary: report ? summarise(report) : `vitest ended with ${code}`, output };
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
): Promise<{ code: number | string; output: string }> {
  const child = spawn('vitest', ['run', ...args], {
    cwd: folder,
    env: { ...process.env, [variable]: major === undefined ? '' : String(major) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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

function summarise({ numTotalTests, numFailedTests }: Report): string {
  return numFailedTests === 0
    ? `${numTotalTests} tests`
    : `${numFailedTests} of ${numTotalTests} tests failed`;
}
