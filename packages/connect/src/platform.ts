import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** The few things that differ between operating systems, in one place that tests can replace. */
export interface Platform {
  /** Where run-time folders of this user live: `<tmp>/postern-<uid>`. */
  runtimeRoot(): string;
  /** Mode of run-time folders. As root they must let Postgres through, which runs as another user. */
  folderMode(): number;
  /** Where the host listens for clients. */
  controlAddress(folder: string, id: string): string;
  /** Where it listens for database connections. */
  dataAddress(folder: string, id: string): string;
  /** Longest socket path that the system takes, in bytes; undefined when it does not matter. */
  socketPathBytes: number | undefined;
  /** Tells a process from a later one with the same id; undefined when there is none with this id. */
  processStart(pid: number): string | undefined;
}

const unix: Omit<Platform, 'processStart'> = {
  runtimeRoot: () => join(tmpdir(), `postern-${process.getuid?.() ?? 0}`),
  folderMode: () => (process.getuid?.() === 0 ? 0o711 : 0o700),
  controlAddress: (folder) => join(folder, 'control.sock'),
  dataAddress: (folder) => join(folder, 'data.sock'),
  // sun_path holds 104 bytes on macOS and 108 on Linux, with a closing zero byte.
  socketPathBytes: 103,
};

const linux: Platform = {
  ...unix,
  processStart: (pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command in parentheses may hold anything; after it come state (field 3) … start time (field 22).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z') return undefined; // ended, only its parent has not looked yet
      return fields[19];
    } catch {
      return undefined;
    }
  },
};

const otherUnix: Platform = {
  ...unix,
  processStart: (pid) => {
    try {
      return (
        execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
      );
    } catch {
      return undefined;
    }
  },
};

const windows: Platform = {
  runtimeRoot: () => join(tmpdir(), `postern-${userInfo().username.replace(/\W/g, '_')}`),
  folderMode: () => 0o700,
  controlAddress: (_, id) => `\\\\.\\pipe\\postern-${id}-control`,
  dataAddress: (_, id) => `\\\\.\\pipe\\postern-${id}-data`,
  socketPathBytes: undefined,
  // Without a native call only existence is known; a reused id then looks alive until it ends.
  processStart: (pid) => (exists(pid) ? 'alive' : undefined),
};

export const platform: Platform =
  process.platform === 'linux' ? linux : process.platform === 'win32' ? windows : otherUnix;

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
