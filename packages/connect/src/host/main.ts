import { writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { newRunId } from '@postern/test-databases';
import { openEnvironment } from '../environment/open-environment.ts';
import type { BuildArtifact } from './artifacts.ts';
import { holdRunLease } from './lease.ts';
import { runOwnMigrations } from './own-migrations.ts';
import { openResetSession } from './reset-session.ts';
import { DEFAULT_GRACE_MS, type RunningHost, runHost } from './run-host.ts';
import { LISTENING, type StartRequest } from './start-request.ts';
import { VERSION } from './version.ts';

/**
 * The program of the host process. It gets its work on standard input, says once that it listens, and ends when nobody
 * needs it. Its output is its log.
 */
const READY_DESCRIPTOR = 3;

const log = (message: string, error?: unknown): void => {
  const time = new Date().toISOString();
  const stack =
    error instanceof Error ? (error.stack ?? error.message) : error === undefined ? '' : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? `\ncause: ${error.cause.stack}` : '';
  process.stderr.write(`${time} ${message}${stack === '' ? '' : `: ${stack}`}${cause}\n`);
};

const buildArtifact: BuildArtifact = async (root, onInput) => {
  const build = await import('@postern/bootstrap/build');
  return await build.buildArtifact({ root, onInput });
};

const request = JSON.parse(await text(process.stdin)) as StartRequest;
const { root, settings, environment: name } = request;

const host: RunningHost = await runHost({
  folder: request.folder,
  root,
  version: VERSION,
  configHash: request.configHash,
  graceMs: request.graceMs ?? DEFAULT_GRACE_MS,
  createEnvironment: async (context) => await openEnvironment({ name, root, settings }, context),
  buildArtifact,
  holdLease: holdRunLease,
  openResetSession,
  migrate: runOwnMigrations,
  newRunId,
  onListening: () => void writeSync(READY_DESCRIPTOR, LISTENING),
  log,
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => host.stop());

let crashed = false;
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    log(event, error);
    crashed = true;
    host.stop(error);
  });
}

const { failed } = await host.ended;
// Whatever is still open (a socket that hangs, a timer) has nobody left to serve.
process.exit(failed === undefined && !crashed ? 0 : 1);
