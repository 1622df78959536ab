import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { CloudError } from '../errors.ts';
import { findPostgresPackage, type PostgresInstallation, providePrograms } from './binaries.ts';
import { provideDataDirectory } from './data-directory.ts';
import { chooseDataLocation } from './data-location.ts';
import { publishStarted, publishStopped, publishSwept } from './events.ts';
import type { PostgresMajor } from './major.ts';
import { currentPlatform, type Platform } from './platform.ts';
import { passable } from './private-folder.ts';
import { defaultMaster, quoteIdentifier, superuser } from './roles.ts';
import { recordRun, serverFolderName, sweepRuns } from './run-registry.ts';
import { scramSecretOf } from './scram-secret.ts';
import { type PostgresExit, startServerProcess } from './server-process.ts';
import { obstacleFor, type ServerUser, serverUser } from './server-user.ts';
import { type PostgresSettings, throwAwaySettings } from './settings.ts';

export interface StartPostgresOptions {
  /** Prepared data directories are kept in its folder `postgres`. Deletable at any time. */
  readonly cacheDir: string;
  /**
   * The server gets a new folder of its own in it (socket, log, and data unless there is memory for it), which
   * `stop()` removes. Created if missing. Its path has at most 75 bytes, because that of a socket may have 103.
   */
  readonly runDir: string;
  /** The server to start, if not the PostgreSQL 17 that is installed with this package. */
  readonly server?: PostgresInstallation;
  /** Name of the master user; default `postern_master`. It has no password until `setPassword` gives it one. */
  readonly master?: string;
  /** Settings of postgresql.conf on top of the built-in ones for throw-away servers. */
  readonly settings?: PostgresSettings;
  /** Longest wait for the server to accept connections; default 60,000. */
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A running PostgreSQL server with the roles of RDS, reachable through one Unix socket, where everybody is trusted. */
export interface PostgresServer extends AsyncDisposable {
  /** Folder of the socket: the `host` of a `pg` configuration. Closed to other users. */
  readonly socketDir: string;
  readonly socketPath: string;
  readonly superuser: 'rdsadmin';
  readonly master: string;
  /** Such as `17.10`. */
  readonly version: string;
  readonly major: PostgresMajor;
  /** Process id of the postmaster. */
  readonly pid: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** Gives a role a password. Only its SCRAM secret goes to the server. Rejects with `CLOUD_POSTGRES_STOPPED`. */
  setPassword(role: string, password: string): Promise<void>;
  /** Ends all sessions, stops the server and removes its folders. Twice is once. */
  stop(): Promise<void>;
  /** Fulfils when the server has ended, asked or not. Never rejects. */
  readonly closed: Promise<PostgresExit>;
}

/** sockaddr_un(7) has room for 108 bytes on Linux and 104 on macOS, one of them for the final zero. */
const longestSocketPath = 103;
const socketName = '.s.PGSQL.5432';

/**
 * Starts an embedded PostgreSQL server. It ends when this process ends, however that happens; what a killed process
 * leaves on disk, the next start of the same user removes.
 *
 * @throws CloudError `CLOUD_OPTIONS_INVALID`, `CLOUD_PLATFORM_UNSUPPORTED`, `CLOUD_POSTGRES_BINARIES_MISSING`,
 * `CLOUD_POSTGRES_START_FAILED`; `signal.reason` when cancelled
 */
export async function startPostgres(options: StartPostgresOptions): Promise<PostgresServer> {
  const startedAt = performance.now();
  const { signal, master = defaultMaster } = options;
  signal?.throwIfAborted();
  const platform = currentPlatform();
  const found = findPostgresPackage(platform, options.server);
  const user = serverUser();
  const { run, serverFolder, memoryFolder, dataDir, folders, walMegabytes, forget } = await openFolders(
    options.runDir,
    user,
    platform,
  );
  const socketPath = join(serverFolder, socketName);
  const removeFolders = async (): Promise<void> => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    if (run.created) await rmdir(run.created).catch(() => {}); // others may have put something there
    await forget();
  };
  const sweeping = sweepRuns(platform).then(
    (swept) => swept.length > 0 && publishSwept({ folders: swept }),
    () => {}, // somebody else's rubbish is no reason not to start
  );

  try {
    if (memoryFolder) await createServerFolder(memoryFolder, user);
    const programs = await providePrograms(found, { platform, user, linkFolder: join(serverFolder, 'lib') });
    const data = await provideDataDirectory({
      cacheDir: options.cacheDir,
      dataDir,
      serverFolder,
      programs,
      found,
      platform,
      user,
      master,
      signal,
    });
    const logFile = join(serverFolder, 'postgres.log');
    const server = await startServerProcess({
      programs,
      user,
      dataDir,
      logFile,
      settings: { ...throwAwaySettings(serverFolder, walMegabytes), ...options.settings },
      signal,
      ...(options.startTimeoutMs !== undefined && { startTimeoutMs: options.startTimeoutMs }),
    });
    await sweeping;
    const { pid } = server;
    const durationMs = performance.now() - startedAt;
    const inMemory = memoryFolder !== undefined;
    publishStarted({ pid, version: found.version, socketPath, data, inMemory, durationMs });
    void server.exited.then(({ expected }) => publishStopped({ pid, expected }));

    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopped ??= server.stop().then(removeFolders);
      return stopped;
    };
    return {
      socketDir: serverFolder,
      socketPath,
      superuser,
      master,
      version: found.version,
      major: found.major,
      pid,
      dataDir,
      logFile,
      setPassword: (role, password) => setPassword(serverFolder, role, password),
      stop,
      closed: server.exited,
      [Symbol.asyncDispose]: stop,
    };
  } catch (cause) {
    await sweeping;
    await removeFolders();
    throw cause;
  }
}

/** How often somebody else's sweep may take the run folder away while it is still empty. */
const sweepsTolerated = 10;

/**
 * Writes down and creates what the server needs. A run folder of a fixed name may be that of a killed run, which any
 * process of this user sweeps: until the server's folder is in it, it can vanish, and then it is made again.
 */
async function openFolders(runDir: string, user: ServerUser | undefined, platform: Platform) {
  for (let attempt = 1; ; attempt += 1) {
    const run = await openRunFolder(runDir, user);
    if (run === undefined && attempt < sweepsTolerated) continue;
    if (run === undefined) throw new Error(`${runDir} is removed again and again by another process.`);
    const serverFolder = join(run.folder, serverFolderName());
    const { memoryFolder, walMegabytes } = await chooseDataLocation(platform, dirname(run.folder));
    const dataDir = join(memoryFolder ?? serverFolder, 'data');
    const folders = memoryFolder ? [serverFolder, memoryFolder] : [serverFolder];
    const forget = await recordRun(platform, { dataDir, folders, createdFolder: run.created });
    try {
      await createServerFolder(serverFolder, user);
      return { run, serverFolder, memoryFolder, dataDir, folders, walMegabytes, forget };
    } catch (error) {
      await forget();
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt >= sweepsTolerated) throw error;
    }
  }
}

/**
 * Creates the run folder if needed and makes sure that a server can work there. Undefined when it vanished meanwhile.
 */
async function openRunFolder(
  runDir: string,
  user: ServerUser | undefined,
): Promise<{ folder: string; created: string | undefined } | undefined> {
  const created = await mkdir(runDir, { recursive: true, mode: 0o700 });
  const folder = await realpath(runDir).catch(() => undefined);
  if (folder === undefined) return undefined;
  try {
    if (user) for (const each of await ownFolders(folder, created)) await chmod(each, passable());
    const obstacle = await obstacleFor(user, folder, { execute: true });
    if (obstacle)
      throw new CloudError('CLOUD_OPTIONS_INVALID', {
        kind: 'invalid',
        message: `runDir ${runDir}: PostgreSQL runs as user ${user?.name}, who cannot pass ${obstacle}.`,
        hint: 'Choose a run folder below the system’s temporary folder.',
      });
    checkSocketPath(join(folder, serverFolderName(), socketName), runDir);
  } catch (cause) {
    if (!existsSync(folder)) return undefined;
    if (created !== undefined) await rmdir(folder).catch(() => {});
    throw cause;
  }
  return { folder, created: created === undefined ? undefined : folder };
}

/** Folders that may be opened for passing through: those just created, and an existing one of ours in the tmp folder. */
async function ownFolders(folder: string, created: string | undefined): Promise<string[]> {
  if (created !== undefined) {
    const first = await realpath(created);
    const folders = [folder];
    while (folders[0] !== undefined && folders[0] !== first) folders.unshift(dirname(folders[0]));
    return folders;
  }
  const temporary = await realpath(tmpdir());
  const { uid } = await stat(folder);
  return uid === process.getuid?.() && folder.startsWith(`${temporary}/`) ? [folder] : [];
}

function checkSocketPath(socketPath: string, runDir: string): void {
  const length = Buffer.byteLength(socketPath);
  if (length <= longestSocketPath) return;
  throw new CloudError('CLOUD_OPTIONS_INVALID', {
    kind: 'invalid',
    message: `runDir ${runDir} is too long: the socket's path would have ${length} bytes, ${longestSocketPath} are possible.`,
    hint: 'Choose a shorter run folder, or set TMPDIR to a short path.',
  });
}

async function createServerFolder(folder: string, user: ServerUser | undefined): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  await chmod(folder, 0o700);
  if (user) await chown(folder, user.uid, user.gid);
}

async function setPassword(host: string, role: string, password: string): Promise<void> {
  const secret = await scramSecretOf(password);
  const client = new pg.Client({ host, user: superuser, database: superuser });
  await client.connect().catch((cause: unknown) => {
    throw new CloudError('CLOUD_POSTGRES_STOPPED', {
      kind: 'closed',
      message: `The password of ${role} cannot be set: PostgreSQL is not running any more.`,
      hint: '`closed` tells how the server ended; start another one.',
      cause,
    });
  });
  try {
    await client.query(`ALTER ROLE ${quoteIdentifier(role)} PASSWORD '${secret}'`);
  } finally {
    await client.end();
  }
}
