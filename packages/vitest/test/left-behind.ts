import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, vi } from 'vitest';

/**
 * How long a host may outlive its last client: two seconds of grace for the next Nx project, then what it takes to
 * drop databases and stop the server, on a machine that is busy with other tests.
 */
export const HOST_GONE_WITHIN_MS = 30_000;

/** Waits until neither the host's folder nor a process that works in it is left. */
export async function hostHasGone(controlSocket: string | undefined): Promise<void> {
  const folder = dirname(controlSocket ?? '');
  expect(folder).toMatch(/postern-/);
  await vi.waitFor(
    () => {
      expect(processesOf(folder)).toEqual([]);
      expect(existsSync(folder)).toBe(false);
    },
    { timeout: HOST_GONE_WITHIN_MS, interval: 50 },
  );
}

/** Command lines of the processes that name the folder in their arguments or are at work in it. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => commandLine(pid))
    .filter((command) => command.includes(folder));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // ended meanwhile
  }
}
