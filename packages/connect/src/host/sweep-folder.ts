import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ended, isAlive, type ProcessIdentity, pause } from './process-identity.ts';
import type { RunFolder } from './run-folder.ts';

/** A host that stops in good order needs less; one that does not is ended. */
const STOP_WITHIN_MS = 25_000;
const POSTGRES_WITHIN_MS = 5_000;

/**
 * Clears what a former host left: waits for one that is just stopping, ends one that hangs, lets the server of a killed
 * one finish (its watchdog ends it within milliseconds; a data directory must not be removed under it) and removes the
 * folder. The caller holds the start lock and has found nobody listening.
 */
export async function sweepFolder(run: RunFolder, signal?: AbortSignal): Promise<void> {
  const owner = readOwner(run);
  if (owner !== undefined && isAlive(owner) && !(await ended(owner, STOP_WITHIN_MS, signal))) {
    try {
      process.kill(owner.pid, 'SIGKILL');
    } catch {
      // Ended in this moment.
    }
    await ended(owner, POSTGRES_WITHIN_MS, signal);
  }
  for (const file of findPidFiles(run.folder, 4)) await serverEnded(file, signal);
  rmSync(run.folder, { recursive: true, force: true });
}

function readOwner(run: RunFolder): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(run.owner, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function findPidFiles(folder: string, depth: number): string[] {
  let entries: import('node:fs').Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  if (entries.some((entry) => entry.name === 'postmaster.pid')) return [join(folder, 'postmaster.pid')];
  if (depth === 0) return [];
  return entries
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => findPidFiles(join(folder, entry.name), depth - 1));
}

/** Waits for a PostgreSQL server to end, and asks it to after a while. */
async function serverEnded(pidFile: string, signal?: AbortSignal): Promise<void> {
  let asked = false;
  const deadline = Date.now() + 2 * POSTGRES_WITHIN_MS;
  for (;;) {
    const pid = serverOf(pidFile);
    if (pid === undefined || Date.now() > deadline) return;
    if (!asked && Date.now() > deadline - POSTGRES_WITHIN_MS) {
      asked = true;
      try {
        process.kill(pid, 'SIGQUIT'); // never SIGKILL: its shared memory would stay
      } catch {
        // Ended in this moment.
      }
    }
    await pause(20, signal);
  }
}

/** The process of a pid file, if it lives and is the server of this directory and not a later process. */
function serverOf(pidFile: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    process.kill(pid, 0);
    if (process.platform === 'linux' && readlinkSync(`/proc/${pid}/cwd`) !== realpathSync(dirname(pidFile))) {
      return undefined;
    }
    return pid;
  } catch {
    return undefined;
  }
}
