import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * A postmaster that was SIGKILLed leaves one small System V segment, which deleting its data directory would leak
 * for good. `line` is line 7 of its postmaster.pid: key and id of the segment. It is removed only if it still has
 * that key and nobody is attached. Best effort: without `ipcrm` or /proc it stays.
 */
export async function removeSharedMemory(line: string): Promise<void> {
  const [key, id] = line.trim().split(/\s+/);
  if (!key || !id) return;
  const table = await readFile('/proc/sysvipc/shm', 'utf8').catch(() => '');
  // Columns: key shmid perms size cpid lpid nattch …
  const unused = table
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .some((column) => Number(column[0]) >>> 0 === Number(key) >>> 0 && column[1] === id && column[6] === '0');
  if (unused) await promisify(execFile)('ipcrm', ['-m', id]).catch(() => {});
}
