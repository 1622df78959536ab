import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, told apart from those of other machines and from a later one with the same id. */
export interface ProcessIdentity {
  /**
   * Stands for one boot of one machine and, in containers, for one space of process ids: a process id seen from
   * another container means another process.
   */
  readonly host: string;
  readonly pid: number;
  /** When it started, in what unit this system has; `0` where that cannot be read. */
  readonly start: string;
}

let own: ProcessIdentity | undefined;

/** This process. */
export function thisProcess(): ProcessIdentity {
  own ??= { host: system.host(), pid: process.pid, start: system.start(process.pid) ?? '0' };
  return own;
}

/** Whether a process of this host has ended, for certain. A doubt counts as alive. */
export function isGone({ pid, start }: Omit<ProcessIdentity, 'host'>): boolean {
  const found = system.start(pid);
  if (found === 'ended') return true;
  if (found !== undefined && start !== '0') return found !== start;
  // No start to compare: what a foreign user's process looks like on a hardened system, and all of Windows.
  return !exists(pid);
}

/** The few things that differ between operating systems. */
interface System {
  host(): string;
  /** When the process started, `ended` for one that only waits for its parent, undefined when that cannot be read. */
  start(pid: number): string | undefined;
}

const linux: System = {
  host() {
    const self = read('/proc/self/stat');
    // A /proc of other process ids than ours would answer for other processes.
    if (self === undefined || Number.parseInt(self, 10) !== process.pid)
      return hash('unknown', String(Math.random()));
    const boot = read('/proc/sys/kernel/random/boot_id') ?? /^btime .*$/m.exec(read('/proc/stat') ?? '')?.[0];
    return hash(hostname(), boot ?? '', attempt(() => readlinkSync('/proc/self/ns/pid')) ?? '');
  },
  start(pid) {
    const stat = read(`/proc/${pid}/stat`);
    if (stat === undefined) return undefined;
    // The command in parentheses may hold anything; after it come state (field 3) … start time (field 22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : fields[19];
  },
};

const otherUnix: System = {
  // The first process starts with the machine.
  host: () => hash(hostname(), otherUnix.start(1) ?? ''),
  start(pid) {
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    const ps = (): string =>
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env });
    const started = Date.parse(`${attempt(ps)} UTC`);
    return Number.isNaN(started) ? undefined : String(started / 1000);
  },
};

const windows: System = { host: () => hash(hostname()), start: () => undefined };

const system: System =
  process.platform === 'linux' ? linux : process.platform === 'win32' ? windows : otherUnix;

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function read(path: string): string | undefined {
  return attempt(() => readFileSync(path, 'utf8'));
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function hash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12);
}
