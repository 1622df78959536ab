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
  // Ctrl-C reaches vitest, too, which ends its servers; then nothing more is started.
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (interrupted = true));
  let failures = 0;
  for (const major of majors) {
    const missing = await provideServer(servers, major).catch((error: Error) => error.message);
    if (missing !== undefined) {
      failures += 1;
      console.log(`PostgreSQL ${major}  MISSING  ${missing}`);
      continue;
    }
    for (const name of packages) {
      if (interrupted) return 130;
      failures += (await report(major, name)) ? 0 : 1;
    }
  }
  return interrupted ? 130 : Math.min(failures, 1);
}

async function report(major: number, name: string): Promise<boolean> {
  const started = performance.now();
  const folder = join(root, 'packages', name);
  const files = databaseTests(folder);
  const outcome = await runSuite(folder, files, major === builtIn ? undefined : major);
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
