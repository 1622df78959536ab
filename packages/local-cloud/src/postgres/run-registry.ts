import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Platform } from './platform.ts';
import { privateFolder, userFolder } from './private-folder.ts';
import { removeSharedMemory } from './shared-memory.ts';

/** Who runs a server and which folders it may leave behind. */
interface RunRecord {
  readonly pid: number;
  readonly startTime: string;
  readonly processTable: string;
  /** Of the server, when the run has one. */
  readonly dataDir?: string | undefined;
  readonly folders: readonly string[];
  /** A folder around them that the run created; removed if nothing else is in it. */
  readonly createdFolder: string | undefined;
}

/** What runs create has names of this shape, and nothing else is ever removed with its content. */
const folderName = /^(pg|lambda)-[0-9a-f]{12}$/;

/** A new name for a folder of a server. */
export function serverFolderName(): string {
  return runFolderName('pg');
}

/** A new name for a folder: of a server, of unpacked functions, or around them. */
export function runFolderName(kind: 'pg' | 'lambda' | 'postern'): string {
  return `${kind}-${randomBytes(6).toString('hex')}`;
}

/**
 * Writes down what this process is about to create, so that a later start can remove it if this process is killed.
 * Returns the way to forget it again.
 */
export async function recordRun(
  platform: Platform,
  run: Pick<RunRecord, 'dataDir' | 'folders' | 'createdFolder'>,
): Promise<() => Promise<void>> {
  const record: RunRecord = {
    pid: process.pid,
    startTime: platform.startTimeOf(process.pid) ?? '',
    processTable: platform.processTable,
    ...run,
  };
  const file = await writeRecord(JSON.stringify(record));
  return () => removeRecord(file);
}

async function writeRecord(record: string): Promise<string> {
  for (;;) {
    try {
      const file = join(await recordsFolder(), `${serverFolderName()}.json`);
      await writeFile(file, record, { mode: 0o600 });
      return file;
    } catch (error) {
      // The last server of another process has just ended and taken the folder with it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** With the last record go the folders that hold them: nothing stays after nothing runs. */
async function removeRecord(file: string): Promise<void> {
  await rm(file, { force: true });
  for (const folder of [dirname(file), dirname(dirname(file))]) await rmdir(folder).catch(() => {});
}

/**
 * Removes what killed processes of this user left: only folders from our own records, only when their process is
 * gone (another start time means another process), and only after their server has ended. Returns the folders
 * removed.
 */
export async function sweepRuns(platform: Platform): Promise<string[]> {
  const records = await recordsFolder();
  const swept = await Promise.all(
    (await readdir(records).catch(() => [])).map(async (name) => {
      const file = join(records, name);
      const record = await readRecord(file);
      if (!record || lives(platform, record) || !(await endServer(platform, record.dataDir))) return [];
      const folders = record.folders.filter((folder) => folderName.test(basename(folder)));
      for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
      return [{ file, folders, createdFolder: record.createdFolder }];
    }),
  );
  // Only now: records of one run share the folder around theirs.
  for (const { file, createdFolder } of swept.flat()) {
    if (createdFolder) await rmdir(createdFolder).catch(() => {});
    await removeRecord(file);
  }
  return swept.flat().flatMap(({ folders }) => folders);
}

async function recordsFolder(): Promise<string> {
  return privateFolder(join(await userFolder(), 'servers'), 0o700);
}

async function readRecord(file: string): Promise<RunRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as RunRecord;
  } catch {
    return undefined; // being written or removed just now
  }
}

function lives(platform: Platform, record: RunRecord): boolean {
  const [boot, processIds] = record.processTable.split(' ');
  const [thisBoot, theseProcessIds] = platform.processTable.split(' ');
  if (boot !== thisBoot) return false;
  // The same machine seen from another container: its processes are invisible here, so they count as alive.
  if (processIds !== theseProcessIds) return true;
  return platform.startTimeOf(record.pid) === record.startTime;
}

/** Whether no server works in `dataDir` any more; one that still does is asked to end first. */
async function endServer(platform: Platform, dataDir: string | undefined): Promise<boolean> {
  if (dataDir === undefined) return true;
  const pidFile = join(dataDir, 'postmaster.pid');
  const deadline = Date.now() + 10_000;
  for (let asked = false; ; asked = true) {
    const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
    const pid = Number(lines[0]);
    if (!(pid > 0)) return true;
    if (platform.startTimeOf(pid) === undefined || !platform.isServerOf(pid, dataDir)) {
      await removeSharedMemory(lines[6] ?? '');
      return true;
    }
    if (Date.now() > deadline) return false;
    if (!asked) process.kill(pid, 'SIGQUIT');
    await delay(20);
  }
}
