import { readFileSync } from 'node:fs';

/** Milliseconds that a process has had of a core, to the nanosecond; NaN where the system does not say (not Linux). */
export function cpuMsOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return Number.NaN;
  }
}
