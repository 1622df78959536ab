import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { ConnectError } from '../errors.ts';
import { isAlive, type ProcessIdentity, pause, thisProcess } from './process-identity.ts';

const RETRY_MS = 25;
/** A breaker holds its file for a few system calls; one that is older belongs to a killed process. */
const BREAKER_STALE_MS = 10_000;

export interface StartLock {
  release(): void;
}

/**
 * Takes the lock under which a host is looked for, started or replaced: a file with the holder's process id and start
 * time. A dead holder's lock is broken, by one process at a time, so that nobody removes a lock taken since.
 * Throws `CONNECT_HOST_START_TIMEOUT`.
 */
export async function takeStartLock(
  file: string,
  options: { timeoutMs: number; signal?: AbortSignal; prepare: () => void },
): Promise<StartLock> {
  const deadline = Date.now() + options.timeoutMs;
  const mine = JSON.stringify(thisProcess());
  for (;;) {
    options.signal?.throwIfAborted();
    options.prepare(); // the folder may have been removed by a host that ended a moment ago
    if (create(file, mine)) return { release: () => release(file, mine) };
    removeDeadLock(file);
    if (Date.now() > deadline) throw timeout(file, read(file));
    await pause(RETRY_MS, options.signal);
  }
}

/** Takes away the lock of a process that has ended. What a living one holds stays. */
export function removeDeadLock(file: string): void {
  const holder = read(file);
  if (holder !== undefined && !isHeld(holder)) breakLock(file, holder);
}

/** The file appears with its content or not at all: a lock without an owner could never be broken. */
function create(file: string, content: string): boolean {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
    linkSync(draft, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function isHeld(content: string): boolean {
  try {
    return isAlive(JSON.parse(content) as ProcessIdentity);
  } catch {
    return false;
  }
}

function breakLock(file: string, stale: string): void {
  const breaker = `${file}.break`;
  if (!create(breaker, '')) {
    try {
      if (Date.now() - statSync(breaker).mtimeMs > BREAKER_STALE_MS) rmSync(breaker, { force: true });
    } catch {
      // Gone already.
    }
    return;
  }
  try {
    if (read(file) === stale) rmSync(file, { force: true });
  } finally {
    rmSync(breaker, { force: true });
  }
}

function release(file: string, mine: string): void {
  if (read(file) === mine) rmSync(file, { force: true });
}

function timeout(file: string, holder: string | undefined): ConnectError {
  const pid = holder === undefined ? undefined : /"pid":(\d+)/.exec(holder)?.[1];
  return new ConnectError({
    code: 'CONNECT_HOST_START_TIMEOUT',
    kind: 'timeout',
    message: `Another process${pid === undefined ? '' : ` (${pid})`} has been starting the host for too long; it holds ${file}.`,
    hint: 'Wait for it or end it, then run again.',
  });
}
