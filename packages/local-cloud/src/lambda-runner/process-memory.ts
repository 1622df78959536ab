import { readFileSync } from 'node:fs';

export interface ProcessMemory {
  readonly residentBytes: number;
  readonly peakBytes: number;
}

/** Memory of another process from `/proc`; undefined where there is none (macOS, Windows) or it ended. */
export function processMemory(pid: number): ProcessMemory | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kilobytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
    return { residentBytes: kilobytes('VmRSS') * 1024, peakBytes: kilobytes('VmHWM') * 1024 };
  } catch {
    return undefined;
  }
}
