import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { connectHost, type HostClient, type HostEvent } from '@postern/connect/host';
import { account, type Counters, counted, stepOf } from './account.ts';
import { Progress, type Step } from './progress.ts';
import { stopHost } from './stop-host.ts';
import { runSuite, type SuiteResult } from './suite.ts';

/**
 * npm start [-- [--env NAME] [--report REPORT] FILE …]: the offline cloud, the bootstrap Lambda deployed and
 * invoked, the tunnel, and the ledger's suite through all of them; then everything stops and an account is printed.
 * FILE narrows the suite to files whose path contains it; REPORT gets the account as JSON. Exits with 0 only when
 * all of it worked, with 2 when it was asked wrongly.
 */

const { options, files } = readArguments();
const root = resolve(import.meta.dirname, '../../..');
const environment = options.env ?? process.env['POSTERN_ENV'] ?? 'local';
// The main job shows the whole way, whatever postern.config.ts has chosen for the desk; vitest inherits it.
process.env['POSTERN_LOCAL_PATH'] ||= 'full';
const interrupted = new AbortController();
let suiteProcess: ChildProcess | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted.abort(new Interrupted(signal));
    suiteProcess?.kill(signal);
  });
}

function readArguments(): { options: { env?: string; report?: string }; files: string[] } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { env: { type: 'string' }, report: { type: 'string' } },
    });
    return { options: values, files: positionals };
  } catch (error) {
    console.error(`${(error as Error).message}\nUsage: npm start [-- [--env NAME] [--report REPORT] FILE …]`);
    process.exit(2);
  }
}

class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`Stopped by ${signal}.`);
    this.exitCode = 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal];
  }
}

const progress = new Progress(
  process.stdout,
  process.stdout.isTTY === true && process.env['CI'] === undefined,
);
const steps: Step[] = [];

/** What comes for every file of a suite: the reporter's matter, not the account's. */
const perFile: readonly string[] = ['acquire', 'reset', 'pool'];

function onEvent(event: HostEvent): void {
  if (perFile.includes(event.phase)) return;
  if (suiteProcess === undefined && event.state === 'started') progress.start(event.phase);
  if (event.state === 'started') return;
  const step = stepOf(event);
  steps.push(step);
  if (suiteProcess === undefined) progress.end(step);
}

async function mainJob(): Promise<{ suite: SuiteResult; counters: Counters | undefined }> {
  const { signal } = interrupted;
  let host: HostClient | undefined;
  try {
    host = await connectHost({ root, environment, onEvent, signal });
    await host.bootstrap({ signal });
    progress.pause();
    const suite = await runSuite({
      folder: resolve(root, 'apps/ledger'),
      files,
      environment,
      onStarted: (child) => {
        suiteProcess = child;
      },
    });
    suiteProcess = undefined;
    signal.throwIfAborted();
    const statistics = await host.statistics({ signal });
    const counters = 'front' in statistics ? (statistics as unknown as Counters) : undefined;
    steps.push({
      name: 'suite',
      ok: suite.code === 0,
      durationMs: suite.durationMs,
      detail: counted(suite.tests, 'tests'),
    });
    return { suite, counters };
  } finally {
    progress.pause();
    if (host !== undefined) await stopHost(host);
  }
}

try {
  const { suite, counters } = await mainJob();
  console.log(`\n${account(steps, counters, suite)}`);
  if (options.report !== undefined)
    writeFileSync(options.report, JSON.stringify({ steps, counters, suite }, null, 2));
  process.exitCode = suite.code === 0 && suite.tests > 0 ? 0 : 1;
} catch (error) {
  process.exitCode = report(error);
}

/** Prints what went wrong and what to do; returns the exit code. */
function report(error: unknown): number {
  if (error instanceof Interrupted) {
    console.error(error.message);
    return error.exitCode;
  }
  if (!(error instanceof Error)) {
    console.error(String(error));
    return 1;
  }
  const { hint, kind, log } = error as Error & { hint?: string; kind?: string; log?: string };
  console.error(`\n${error.message}`);
  if (hint !== undefined) console.error(`Next step: ${hint}`);
  if (log !== undefined) console.error(`\nThe end of the log:\n${log}`);
  if (process.env['POSTERN_DEBUG'] !== undefined || hint === undefined) console.error(error.stack);
  return kind === 'invalid' ? 2 : 1;
}
