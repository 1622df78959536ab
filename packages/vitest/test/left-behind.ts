import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, vi } from 'vitest';

/**
 * How long a host may outlive its last client: its grace for the next Nx project (two seconds, 200 ms for the hosts
 * that these suites start), then what it takes to drop databases and stop the server on a machine that is busy.
 */
export const HOST_GONE_WITHIN_MS = 30_000;

/** Waits until neither the host's folder nor a process that works in it is left. */
export async function hostHasGone(controlSocket: string): Promise<void> {
  const folder = dirname(controlSocket);
  expect(folder).toMatch(/postern-/);
  await noProcessIn(folder);
  await vi.waitFor(() => expect(existsSync(folder)).toBe(false), {
    timeout: HOST_GONE_WITHIN_MS,
    interval: 50,
  });
}

/** Waits until no process works in the folder or names it: host, server, functions, watchdogs. */
export async function noProcessIn(folder: string): Promise<void> {
  await vi.waitFor(() => expect(processesOf(folder)).toEqual([]), {
    timeout: HOST_GONE_WITHIN_MS,
    interval: 50,
  });
}

/** Processes that name the folder in their arguments, or work in it (also when it has been deleted). */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map((pid) => ({ pid, command: commandLine(pid), cwd: workingFolder(pid) }))
    .filter(({ command, cwd }) => command.includes(folder) || cwd.startsWith(folder))
    .map(({ pid, command }) => `${pid} ${command}`);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // ended meanwhile
  }
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // ended meanwhile
  }
}
