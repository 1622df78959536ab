import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ConnectError } from '../errors.ts';
import { LISTENING, type StartRequest } from './start-request.ts';

export interface SpawnHostOptions {
  /** The program; replaced by tests. Default: `main` beside this file. */
  entry?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Starts the host process and waits until clients can connect to it; the work of starting comes after that, and its
 * progress over the control socket. The process is detached: a Ctrl-C in this terminal is not its end, the end of its
 * last client is. Throws `CONNECT_HOST_START_FAILED` with the end of its log.
 */
export async function spawnHost(request: StartRequest, options: SpawnHostOptions = {}): Promise<void> {
  const fromSource = import.meta.url.endsWith('.ts');
  const main = fromSource ? new URL('./main.ts', import.meta.url) : new URL('./main.js', import.meta.url);
  const entry = options.entry ?? fileURLToPath(main);
  const flags = fromSource ? ['--conditions=@postern/source', '--disable-warning=ExperimentalWarning'] : [];
  const log = openSync(request.folder.log, 'a', 0o600);
  const child = spawn(process.execPath, [...flags, entry], {
    cwd: request.root,
    detached: true,
    env: hostEnvironment(process.env),
    stdio: ['pipe', log, log, 'pipe'],
    windowsHide: true,
  });
  closeSync(log);
  const input = child.stdin as Writable;
  const output = child.stdio[3] as Readable;
  const onAbort = (): void => void child.kill('SIGTERM');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      let said = '';
      output.setEncoding('utf8');
      output.on('data', (chunk: string) => {
        said += chunk;
        if (said === LISTENING) resolve();
      });
      output.on('error', () => undefined);
      input.on('error', () => undefined); // it ended before it read: `exit` says why
      child.once('error', (error) => reject(startFailed(request.folder.log, error.message, error)));
      child.once('exit', (code, signal) =>
        reject(startFailed(request.folder.log, signal === null ? `exit code ${code}` : `signal ${signal}`)),
      );
      input.end(JSON.stringify(request));
    });
    options.signal?.throwIfAborted();
  } catch (error) {
    child.kill('SIGTERM');
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    child.removeAllListeners('exit');
    output.destroy();
    input.destroy();
    child.unref();
  }
}

/** The host serves several clients and outlives this one: what belongs to a test runner stays behind. */
function hostEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(VITEST|NODE_V8_COVERAGE|NODE_UNIQUE_ID|NODE_CHANNEL_FD|NX_|INIT_CWD$|npm_)/.test(name),
  );
  return Object.fromEntries(kept);
}

function startFailed(logFile: string, how: string, cause?: unknown): ConnectError {
  let log = '';
  try {
    log = readFileSync(logFile, 'utf8').slice(-4_000);
  } catch {
    // It had no time to write one.
  }
  return new ConnectError({
    code: 'CONNECT_HOST_START_FAILED',
    kind: 'internal',
    message: `The host process ended before it was ready (${how}).${log === '' ? '' : `\n${log.trimEnd()}`}`,
    hint: 'The log above says why. If it does not, please report it.',
    log,
    cause,
  });
}
