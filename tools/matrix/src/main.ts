/*
 * npm run matrix -- [MAJOR …]: the database tests on other versions of PostgreSQL than the one of `npm cit`. Exit
 * code 0: all passed; 1: a test failed or a server could not be had; 2: unknown version; 130: interrupted.
 */
import { join } from 'node:path';
import { parseMajors } from './arguments.ts';
import { runSuite } from './run-suite.ts';
import { builtIn, provideServer } from './servers.ts';
import { databaseTests } from './suites.ts';

const root = join(import.meta.dirname, '../../..');
const servers = join(root, '.cache/postern/servers');
const packages = ['bootstrap', 'test-databases', 'local-cloud'];

async function main(majors: readonly number[]): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  let failures = 0;
  for (const major of majors) {
    const missing = await provideServer(servers, major).catch((error: Error) => error.message);
    if (missing !== undefined) {
      failures += 1;
      console.log(`PostgreSQL ${major}  MISSING  ${missing}`);
      continue;
    }
    for (const name of packages) {
      const passed = await report(major, name, interrupted.signal);
      if (interrupted.signal.aborted) return 130;
      if (!passed) failures += 1;
    }
  }
  return failures > 0 ? 1 : 0;
}

async function report(major: number, name: string, signal: AbortSignal): Promise<boolean> {
  const started = performance.now();
  const folder = join(root, 'packages', name);
  const files = databaseTests(folder);
  const outcome = await runSuite(folder, files, major === builtIn ? undefined : major, signal);
  if (signal.aborted) return false;
  if (!outcome.passed) console.log(outcome.output);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const verdict = outcome.passed ? 'passed' : 'FAILED';
  console.log(`PostgreSQL ${major}  ${name.padEnd(14)}  ${verdict}  ${outcome.summary} in ${seconds} s`);
  return outcome.passed;
}

try {
  process.exitCode = await main(parseMajors(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
