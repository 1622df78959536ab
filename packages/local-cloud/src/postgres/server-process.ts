import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CloudError } from '../errors.ts';
import type { PostgresPrograms } from './binaries.ts';
import type { ServerUser } from './server-user.ts';
import { type PostgresSettings, settingArguments } from './settings.ts';

/** How a server ended. */
export interface PostgresExit {
  /** False when nobody asked for it. */
  readonly expected: boolean;
  readonly exitCode: number | null;
  /** The end of the server's log when the end was not expected, else empty. */
  readonly logTail: string;
}

export interface ServerProcess {
  /** Process id of the postmaster. */
  readonly pid: number;
  /** Ends sessions, writes a checkpoint and stops; fulfils when the process is gone. */
  stop(): Promise<void>;
  readonly exited: Promise<PostgresExit>;
}

export interface ServerProcessOptions {
  readonly programs: PostgresPrograms;
  readonly user: ServerUser | undefined;
  readonly dataDir: string;
  readonly logFile: string;
  readonly settings: PostgresSettings;
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A shell between us and the server holds the reading end of a pipe whose writing end is ours alone. However we end,
 * the pipe closes and the server gets SIGQUIT (immediate shutdown, which removes its socket and shared memory; a
 * SIGKILL would leave both), more than once, because a server that has only just been started does not listen to it
 * yet. The shell is in a session of its own: Ctrl-C in a terminal is not for the server.
 */
const deathPipe = `exec 3<&0 </dev/null
"$0" "$@" 3<&- &
server=$!
{ read -r _ <&3; while kill -QUIT $server; do sleep 0.2; done; } 2>/dev/null &
watch=$!
exec 3<&-
wait $server; result=$?
kill $watch 2>/dev/null
exit $result`;

/**
 * Starts `postgres` on an existing data directory and waits until it accepts connections.
 *
 * @throws CloudError `CLOUD_POSTGRES_START_FAILED` with the end of the log
 */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { programs, user, dataDir, logFile, signal } = options;
  signal?.throwIfAborted();
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(
    '/bin/sh',
    ['-c', deathPipe, join(programs.bin, 'postgres'), '-D', dataDir, ...settingArguments(options.settings)],
    {
      cwd: '/',
      detached: true,
      stdio: ['pipe', log, log],
      env: { ...programs.environment, PATH: process.env['PATH'], LC_ALL: 'C' },
      ...(user && { uid: user.uid, gid: user.gid }),
    },
  );
  closeSync(log);
  const pipe = child.stdin as Socket;
  pipe.on('error', () => {}); // never written to; it ends with the server
  let stopping = false;
  let ended = false;
  const exited = new Promise<PostgresExit>((fulfil) => {
    child.once('error', () => fulfil({ expected: false, exitCode: null, logTail: '' }));
    child.once('exit', (exitCode) => {
      void tailOf(logFile).then((tail) =>
        fulfil({ expected: stopping, exitCode, logTail: stopping ? '' : tail }),
      );
    });
  });
  void exited.then(() => {
    ended = true;
    pipe.destroy();
  });

  const pid = await ready(options, () => ended).catch(async (cause: unknown) => {
    stopping = true;
    pipe.destroy(); // the death pipe ends whatever has started
    const { exitCode } = await exited;
    signal?.throwIfAborted();
    throw startFailed(
      cause instanceof Error ? cause.message : `exit code ${exitCode}`,
      await tailOf(logFile),
    );
  });
  // From here on the server alone does not keep the process alive; when it ends, the pipe ends the server.
  child.unref();
  pipe.unref();

  return {
    pid,
    exited,
    async stop() {
      stopping = true;
      child.ref();
      signalServer(pid, 'SIGINT', ended);
      const patience = new AbortController();
      const impatient = delay(fastShutdownMs, undefined, { signal: patience.signal }).then(
        () => signalServer(pid, 'SIGQUIT', ended),
        () => {},
      );
      await exited;
      patience.abort();
      await impatient;
    },
  };
}

/** A fast shutdown takes milliseconds; one that hangs is turned into an immediate one. Never SIGKILL, see above. */
const fastShutdownMs = 10_000;

function signalServer(pid: number, name: NodeJS.Signals, ended: boolean): void {
  if (ended) return;
  try {
    process.kill(pid, name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Waits for "ready" in postmaster.pid (its line 8, the only place that says so without connecting). */
async function ready(options: ServerProcessOptions, ended: () => boolean): Promise<number> {
  const timeoutMs = options.startTimeoutMs ?? 60_000;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const lines = await readFile(join(options.dataDir, 'postmaster.pid'), 'utf8').then(
      (text) => text.split('\n'),
      () => [],
    );
    if (ended()) throw new Error('it ended at once');
    if (lines[7]?.trim() === 'ready') return Number(lines[0]);
    if (Date.now() > deadline) throw new Error(`it was not ready after ${timeoutMs} ms`);
    await delay(5);
  }
}

/** The error of a server or initdb that did not come up. */
export function startFailed(reason: string, logTail: string): CloudError {
  return new CloudError('CLOUD_POSTGRES_START_FAILED', {
    kind: 'unavailable',
    message: `PostgreSQL did not start: ${reason}.${logTail ? `\n${logTail}` : ''}`,
    hint: 'The end of its log is in the message. A full disk, a removed cache folder or a limit on memory are usual causes.',
  });
}

async function tailOf(file: string): Promise<string> {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return '';
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, 2048);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trim();
  } finally {
    await handle.close();
  }
}
