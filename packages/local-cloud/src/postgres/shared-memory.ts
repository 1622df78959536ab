import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/**
 * A postmaster that was SIGKILLed leaves one small System V segment, which deleting its data directory would leak
 * for good. `line` is line 7 of its postmaster.pid: key and id of the segment. It is removed only if it still has
 * that key, and once the postmaster's children, who notice its end by themselves, are detached. Best effort: without
 * `ipcrm` or /proc it stays.
 */
export async function removeSharedMemory(line: string): Promise<void> {
  const [key, id] = line.trim().split(/\s+/);
  if (!key || !id) return;
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const attached = await attachedTo(key, id);
    if (attached === undefined) return;
    if (attached === 0) return void (await promisify(execFile)('ipcrm', ['-m', id]).catch(() => {}));
    await delay(25);
  }
}

/** How many processes use the segment; undefined when there is none with this key and id. */
async function attachedTo(key: string, id: string): Promise<number | undefined> {
  const table = await readFile('/proc/sysvipc/shm', 'utf8').catch(() => '');
  // Columns: key shmid perms size cpid lpid nattch …; the key is signed here and unsigned in postmaster.pid.
  const rows = table.split('\n').map((row) => row.trim().split(/\s+/));
  const found = rows.find((column) => Number(column[0]) >>> 0 === Number(key) >>> 0 && column[1] === id);
  return found && Number(found[6]);
}
