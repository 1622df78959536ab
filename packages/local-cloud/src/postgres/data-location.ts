import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Platform } from './platform.ts';
import { serverFolderName } from './run-registry.ts';

/** Where a server's data goes, and how much write-ahead log may pile up there. */
export interface DataLocation {
  /** A folder of its own for the data, when it is not below the server's folder. */
  readonly memoryFolder: string | undefined;
  readonly walMegabytes: number;
}

/** `TMPFS_MAGIC` of statfs(2). */
const tmpfs = 0x01021994;
const mebi = 1024 * 1024;

/** Below this the data stays on disk: databases of a large test run, and the memory that everything else needs. */
const enoughBytes = 2048 * mebi;

/**
 * Memory if there is plenty of it (cloning a database is creating a thousand files: 24 ms on tmpfs, 40 to 800 on a
 * disk), else `diskFolder`. Containers often give /dev/shm 64 MB only.
 */
export async function chooseDataLocation(platform: Platform, diskFolder: string): Promise<DataLocation> {
  const memory = platform.memoryFolder;
  if (memory) {
    const found = await statfs(memory).catch(() => undefined);
    const free = found?.type === tmpfs ? Math.min(found.bavail * found.bsize, availableMemory()) : 0;
    if (free >= enoughBytes)
      return { memoryFolder: join(memory, serverFolderName()), walMegabytes: walLimit(free) };
  }
  const disk = await statfs(diskFolder);
  return { memoryFolder: undefined, walMegabytes: walLimit(disk.bavail * disk.bsize) };
}

/** A quarter of what is free: a checkpoint costs milliseconds here, a full file system costs the server. */
function walLimit(freeBytes: number): number {
  return Math.round(Math.min(8192, Math.max(128, freeBytes / mebi / 4)));
}

/** Free memory with regard to a container's limit; Node before 22 does not say. */
function availableMemory(): number {
  return process.availableMemory?.() ?? 0;
}
