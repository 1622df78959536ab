import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { CloudError } from '../errors.ts';
import type { PostgresPackage, PostgresPrograms } from './binaries.ts';
import { publishCacheUnusable } from './events.ts';
import { copyTree } from './folder-tree.ts';
import type { PostgresMajor } from './major.ts';
import type { Platform } from './platform.ts';
import { rdsRolesSql, superuser } from './roles.ts';
import { startFailed, startServerProcess } from './server-process.ts';
import type { ServerUser } from './server-user.ts';
import { throwAwaySettings } from './settings.ts';

export interface DataDirectoryOptions {
  readonly cacheDir: string;
  /** Where the directory shall be. Its parent exists. */
  readonly dataDir: string;
  /** An existing folder that the server's user may write to, for the socket and the log of the preparation. */
  readonly serverFolder: string;
  readonly programs: PostgresPrograms;
  readonly found: PostgresPackage;
  readonly platform: Platform;
  readonly user: ServerUser | undefined;
  readonly master: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * RDS knows UTF8 and, here, a collation that no system library can change under us: PostgreSQL has one of its own from
 * 17 on. Checksums, which 18 turned on, are of no use to data that is thrown away.
 */
function initdbFlags(major: PostgresMajor): readonly string[] {
  return [
    `--username=${superuser}`,
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    ...(major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : ['--locale-provider=libc']),
    ...(major >= 18 ? ['--no-data-checksums'] : []),
    '--wal-segsize=1',
    '--no-sync',
    '--no-instructions',
  ];
}

/** The socket is in a folder that only the server's user (and root) can enter: that is the authentication. */
const hostBasedAuthentication = 'local all all trust\n';

/** Increase when the content of a prepared directory changes in a way that the other parts of the key do not show. */
const format = 1;

/**
 * Fills `dataDir` with a cluster that has the roles of RDS: a copy from the cache, or initdb when there is none.
 * Entries appear in the cache whole, by a rename; a damaged one (somebody was deleting the cache) is replaced.
 *
 * @throws CloudError `CLOUD_POSTGRES_START_FAILED`
 */
export async function provideDataDirectory(options: DataDirectoryOptions): Promise<'cached' | 'created'> {
  const entry = join(options.cacheDir, 'postgres', cacheKey(options));
  if (await copyFromCache(entry, options)) return 'cached';
  options.signal?.throwIfAborted();
  await rm(options.dataDir, { recursive: true, force: true });
  await create(options);
  await publish(entry, options.dataDir).catch((cause: unknown) => publishCacheUnusable({ entry, cause }));
  await keepOutOfGit(options.cacheDir);
  return 'created';
}

/** As other tools do, so that nobody has to think of a line in their own `.gitignore`. */
async function keepOutOfGit(cacheDir: string): Promise<void> {
  await writeFile(join(cacheDir, '.gitignore'), '*\n', { flag: 'wx' }).catch(() => undefined);
}

function cacheKey({ found, platform, master }: DataDirectoryOptions): string {
  const { major, packageVersion } = found;
  const made = [initdbFlags(major), hostBasedAuthentication, rdsRolesSql(master, major)];
  const content = JSON.stringify([format, ...made]);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
  // Files of one user are closed to another, who therefore has entries of his own.
  return `${packageVersion}-${platform.key}-${process.getuid?.() ?? 0}-${hash}`;
}

async function copyFromCache(entry: string, { dataDir, user }: DataDirectoryOptions): Promise<boolean> {
  try {
    const expected = Number(await readFile(join(entry, 'files'), 'utf8'));
    const copied = await copyTree(join(entry, 'data'), dataDir, { owner: user, folderMode: 0o700 });
    if (copied === expected) return true;
  } catch (cause) {
    if (!['ENOENT', 'EACCES', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
  }
  return false;
}

async function create(options: DataDirectoryOptions): Promise<void> {
  const { dataDir, serverFolder, programs, user, signal } = options;
  await mkdir(dataDir, { mode: 0o700 });
  if (user) await chown(dataDir, user.uid, user.gid);
  await initdb(options);
  await writeFile(join(dataDir, 'pg_hba.conf'), hostBasedAuthentication);
  const server = await startServerProcess({
    programs,
    user,
    dataDir,
    logFile: join(serverFolder, 'prepare.log'),
    settings: throwAwaySettings(serverFolder, 1024),
    signal,
  });
  try {
    const client = new pg.Client({ host: serverFolder, user: superuser, database: 'postgres' });
    await client.connect();
    try {
      for (const sql of rdsRolesSql(options.master, options.found.major)) await client.query(sql);
    } finally {
      await client.end();
    }
  } finally {
    await server.stop();
  }
  await rm(join(serverFolder, 'prepare.log'), { force: true });
}

function initdb({ dataDir, programs, found, platform, user, signal }: DataDirectoryOptions): Promise<void> {
  return new Promise((fulfil, reject) => {
    execFile(
      join(programs.bin, 'initdb'),
      ['-D', dataDir, ...initdbFlags(found.major)],
      {
        cwd: '/',
        env: { ...programs.environment, PATH: process.env['PATH'], TZ: 'UTC' },
        ...(signal && { signal }),
        ...(user && { uid: user.uid, gid: user.gid }),
      },
      (cause, stdout, stderr) => {
        if (!cause) return fulfil();
        if (signal?.aborted) return reject(signal.reason);
        if (cause.code === 'ENOENT') return reject(wrongCLibrary(platform, cause));
        reject(startFailed(`initdb failed with ${cause.code ?? cause.message}`, tail(stdout + stderr)));
      },
    );
  });
}

/** The program is there, so it is its interpreter that is not: the dynamic linker of another C library. */
function wrongCLibrary(platform: Platform, cause: unknown): CloudError {
  return new CloudError('CLOUD_PLATFORM_UNSUPPORTED', {
    kind: 'invalid',
    message: `The embedded PostgreSQL for ${platform.key} needs the GNU C library (glibc), which this system lacks.`,
    hint: 'Use a distribution with glibc 2.27 or newer, such as Debian; Alpine has musl.',
    cause,
  });
}

function tail(text: string): string {
  return text.trim().slice(-2048);
}

async function publish(entry: string, dataDir: string): Promise<void> {
  const temporary = `${entry}.${process.pid}-${Date.now()}`;
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  try {
    await chmod(temporary, 0o700);
    const files = await copyTree(dataDir, join(temporary, 'data'), { folderMode: 0o700 });
    await writeFile(join(temporary, 'files'), String(files));
    await rename(temporary, entry).catch(async (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOTEMPTY' && cause.code !== 'EEXIST') throw cause;
      // Another process was first, or the entry is the damaged one that we could not use.
      await rm(entry, { recursive: true, force: true });
      await rename(temporary, entry);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
