import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Counts } from './count-reporter.ts';

export interface SuiteResult extends Counts {
  /** 0 only when every test ran and passed. */
  readonly code: number;
  readonly durationMs: number;
}

/**
 * Runs the integration suite of a service with vitest itself, never from a cache. Its own report is shown as
 * it goes.
 */
export async function runSuite(options: {
  folder: string;
  /** Only files whose path contains one of these. None: all. */
  files: readonly string[];
  /** Name of the environment to run in. */
  environment: string;
  onStarted: (child: ChildProcess) => void;
}): Promise<SuiteResult> {
  const started = performance.now();
  const child = spawn(
    'vitest',
    [
      'run',
      ...options.files,
      '--config=vitest.integration.config.ts',
      '--reporter=default',
      `--reporter=${join(import.meta.dirname, 'count-reporter.ts')}`,
    ],
    {
      cwd: options.folder,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      shell: process.platform === 'win32',
      env: {
        ...process.env,
        NODE_OPTIONS: '--conditions=@postern/source',
        POSTERN_ENV: options.environment,
      },
    },
  );
  options.onStarted(child);
  // Zeroes when vitest did not get as far as its end.
  let counts: Counts = { files: 0, tests: 0, passed: 0, failed: 0 };
  child.on('message', (message) => {
    counts = message as Counts;
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => resolve(exitCode ?? 1));
  });
  return { code, durationMs: Math.round(performance.now() - started), ...counts };
}
