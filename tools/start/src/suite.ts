import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SuiteResult {
  /** 0 only when every test ran and passed. */
  readonly code: number;
  readonly durationMs: number;
  readonly files: number;
  readonly tests: number;
  readonly passed: number;
  readonly failed: number;
}

interface JsonReport {
  numTotalTests: number;
  numPassedTests: number;
  numFailedTests: number;
  testResults: unknown[];
}

/**
 * Runs the integration suite of a service with vitest itself, never from a cache. Its own report is shown as
 * it goes; the counts come from vitest's JSON report.
 */
export async function runSuite(options: {
  folder: string;
  /** Only files whose path contains one of these. None: all. */
  files: readonly string[];
  onStarted: (child: ChildProcess) => void;
}): Promise<SuiteResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'postern-start-'));
  const report = join(scratch, 'report.json');
  const started = performance.now();
  try {
    const child = spawn(
      'vitest',
      [
        'run',
        ...options.files,
        '--config=vitest.integration.config.ts',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
      ],
      {
        cwd: options.folder,
        stdio: ['ignore', 'inherit', 'inherit'],
        shell: process.platform === 'win32',
        env: { ...process.env, NODE_OPTIONS: '--conditions=@postern/source' },
      },
    );
    options.onStarted(child);
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode) => resolve(exitCode ?? 1));
    });
    return { code, durationMs: Math.round(performance.now() - started), ...counts(report) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Zeroes when vitest did not get as far as writing its report. */
function counts(report: string): Pick<SuiteResult, 'files' | 'tests' | 'passed' | 'failed'> {
  try {
    const { numTotalTests, numPassedTests, numFailedTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    ) as JsonReport;
    return {
      files: testResults.length,
      tests: numTotalTests,
      passed: numPassedTests,
      failed: numFailedTests,
    };
  } catch {
    return { files: 0, tests: 0, passed: 0, failed: 0 };
  }
}
