import { type ChildProcess, execFile, fork } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { existsSync, readFileSync, rmdirSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findPostgresPackage, providePrograms } from '../src/postgres/binaries.ts';
import type { PostgresStarted } from '../src/postgres/events.ts';
import { currentPlatform } from '../src/postgres/platform.ts';
import { obstacleFor, serverUser } from '../src/postgres/server-user.ts';
import { type PostgresServer, startPostgres } from '../src/postgres/start-postgres.ts';
import { cacheDir, patience } from './fixtures/test-front.ts';

const holdPostgres = fileURLToPath(new URL('fixtures/hold-postgres.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
/** Not so in a checkout below root's home. */
const othersCanRunThis =
  isRoot &&
  (await obstacleFor({ name: 'nobody', uid: nobody, gid: nobody }, holdPostgres, { read: true })) ===
    undefined;
let folder: string;
let runDir: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-test-'));
  await chmod(folder, 0o755);
  vi.stubEnv('TMPDIR', folder); // where killed runs are recorded: other tests sweep, too
  runDir = join(folder, 'run');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

interface Held {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly socketDir: string;
  readonly dataDir: string;
}

/** A server in a process of its own, that can be killed. */
async function hold(
  options: { cacheDir?: string; runDir?: string; uid?: number; temporary?: string } = {},
): Promise<Held> {
  const child = fork(holdPostgres, [options.cacheDir ?? cacheDir, options.runDir ?? runDir], {
    execArgv: ['--conditions=@postern/source'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
    env: { PATH: process.env['PATH'], TMPDIR: options.temporary ?? tmpdir() },
  });
  children.push(child);
  const answer = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => undefined)]);
  if (!answer) throw new Error('the program ended before its server was up');
  return { child, ...answer[0] };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

async function query(
  server: Pick<PostgresServer, 'socketDir'>,
  sql: string,
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host: server.socketDir, user: 'rdsadmin', database: 'postgres' });
  await client.connect();
  return client
    .query(sql)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

async function startedEvents(action: () => Promise<void>): Promise<PostgresStarted[]> {
  const events: PostgresStarted[] = [];
  const collect = (event: unknown): void => void events.push(event as PostgresStarted);
  subscribe('postern:local-cloud:postgres-started', collect);
  await action().finally(() => unsubscribe('postern:local-cloud:postgres-started', collect));
  return events;
}

describe('starting', () => {
  test('the first start makes the data directory, the second copies it, and both are the same server', async () => {
    const ownCache = join(folder, 'cache');
    const locales: unknown[] = [];
    const events = await startedEvents(async () => {
      for (const _ of [1, 2]) {
        const server = await startPostgres({ cacheDir: ownCache, runDir });
        locales.push(
          await query(
            server,
            `select datname, pg_encoding_to_char(encoding) as encoding, datlocprovider as provider, datlocale as locale,
                    pg_get_userbyid(datdba) as owner, (select string_agg(rolname, ' ' order by rolname) from pg_roles
                      where rolname !~ '^pg_') as roles
               from pg_database where datname <> 'template0' order by 1`,
          ),
        );
        await server.stop();
      }
    });
    expect(events.map(({ data }) => data)).toEqual(['created', 'cached']);
    expect(readFileSync(join(ownCache, '.gitignore'), 'utf8')).toBe('*\n');
    const roles =
      'postern_master rds_ad rds_extension rds_iam rds_password rds_replication rds_reserved rds_superuser rdsadmin';
    const database = (datname: string, owner: string) => ({
      datname,
      encoding: 'UTF8',
      provider: 'b',
      locale: 'C.UTF-8',
      owner,
      roles,
    });
    const expected = [
      database('postgres', 'postern_master'),
      database('rdsadmin', 'rdsadmin'),
      database('template1', 'postern_master'),
    ];
    expect(locales).toEqual([expected, expected]);
  });

  test('nobody but its user can enter the socket’s folder, and it listens nowhere else', async () => {
    await using server = await startPostgres({ cacheDir, runDir });
    const { mode, uid } = await stat(server.socketDir);
    expect(mode & 0o777).toBe(0o700);
    if (isRoot) {
      expect(uid).not.toBe(0);
      expect((await stat(runDir)).mode & 0o777).toBe(0o711);
    }
    expect(await query(server, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
    expect(Buffer.byteLength(server.socketPath)).toBeLessThanOrEqual(103);
  });

  test('several at once, with one cache that none of them has filled yet', async () => {
    const ownCache = join(folder, 'cache');
    const servers = await Promise.all(
      [1, 2].map((clone) => startPostgres({ cacheDir: ownCache, runDir: join(folder, `clone-${clone}`) })),
    );
    const third = await startPostgres({ cacheDir: ownCache, runDir: join(folder, 'clone-1') });
    const all = [...servers, third];
    expect(new Set(all.map(({ socketPath }) => socketPath)).size).toBe(3);
    for (const server of all) expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
    await Promise.all(all.map((server) => server.stop()));
    expect(await readdir(join(ownCache, 'postgres'))).toHaveLength(1);
  });

  test('a cache that somebody is deleting is made anew', async () => {
    const ownCache = join(folder, 'cache');
    await (await startPostgres({ cacheDir: ownCache, runDir })).stop();
    const [entry = ''] = await readdir(join(ownCache, 'postgres'));
    await rm(join(ownCache, 'postgres', entry, 'data', 'base', '1'), { recursive: true });
    const events = await startedEvents(async () => {
      for (const _ of [1, 2]) await (await startPostgres({ cacheDir: ownCache, runDir })).stop();
    });
    expect(events.map(({ data }) => data)).toEqual(['created', 'cached']);
  });

  test('a cache folder that cannot be written to costs time, not the start', async () => {
    const file = join(folder, 'file');
    await writeFile(file, 'in the way');
    const server = await startPostgres({ cacheDir: join(file, 'cache'), runDir });
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
  });

  test('settings of the caller win', async () => {
    await using server = await startPostgres({
      cacheDir,
      runDir,
      settings: { max_connections: 17, jit: true },
    });
    expect(
      await query(server, "select current_setting('max_connections') as n, current_setting('jit') as jit"),
    ).toEqual([{ n: '17', jit: 'on' }]);
  });

  test('a server that does not come up says why and leaves nothing', async () => {
    const start = startPostgres({ cacheDir, runDir, settings: { shared_buffers: 'a lot' } });
    await expect(start).rejects.toMatchObject({
      name: 'CloudError',
      code: 'CLOUD_POSTGRES_START_FAILED',
      message: expect.stringContaining('invalid value for parameter "shared_buffers": "a lot"'),
    });
    expect(existsSync(runDir)).toBe(false);
  });

  test('a run folder that is too long for a socket is refused before anything is started', async () => {
    const long = join(folder, 'x'.repeat(80));
    await expect(startPostgres({ cacheDir, runDir: long })).rejects.toMatchObject({
      code: 'CLOUD_OPTIONS_INVALID',
      message: expect.stringContaining('103'),
    });
    expect(existsSync(long)).toBe(false);
  });

  test('a cancelled start gives the reason untouched and leaves nothing', async () => {
    const reason = new Error('no longer wanted');
    await expect(startPostgres({ cacheDir, runDir, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const start = startPostgres({ cacheDir, runDir, signal: controller.signal });
    await vi.waitFor(() => expect(existsSync(runDir)).toBe(true), patience);
    controller.abort(reason);
    await expect(start).rejects.toBe(reason);
    expect(existsSync(runDir)).toBe(false);
  });

  test.runIf(isRoot && othersCanRunThis)('as a normal user it needs nothing of root', async () => {
    const ownCache = join(folder, 'cache');
    const temporary = join(folder, 'tmp');
    for (const path of [ownCache, runDir, temporary]) {
      await mkdir(path);
      await chown(path, nobody, nobody);
    }
    for (const _ of [1, 2]) {
      const { child, pid, socketDir } = await hold({ cacheDir: ownCache, runDir, uid: nobody, temporary });
      expect((await stat(socketDir)).uid).toBe(nobody);
      expect((await stat(`/proc/${pid}`)).uid).toBe(nobody);
      child.send('stop');
      await once(child, 'exit');
      expect(isAlive(pid)).toBe(false);
    }
    expect((await readdir(runDir)).length).toBe(0);
  });

  test('it works from a folder whose name has spaces and quotes', async () => {
    const odd = join(folder, 'it\'s a "run" $HOME');
    const server = await startPostgres({ cacheDir, runDir: odd });
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
  });
});

describe('passwords', () => {
  test('only the SCRAM secret of a password reaches the server', async () => {
    await using server = await startPostgres({ cacheDir, runDir, settings: { log_statement: 'all' } });
    await server.setPassword(server.master, 'Sekret-"\'-1');
    const [row] = await query(server, "select rolpassword from pg_authid where rolname = 'postern_master'");
    expect(row?.['rolpassword']).toMatch(/^SCRAM-SHA-256\$4096:/);
    const log = readFileSync(server.logFile, 'utf8');
    expect(log).toContain('ALTER ROLE');
    expect(log).not.toContain('Sekret');
  });

  test('a run does not know the password of the run before', async () => {
    const first = await startPostgres({ cacheDir, runDir });
    await first.setPassword(first.master, 'of the first run');
    await first.stop();
    await using second = await startPostgres({ cacheDir, runDir });
    expect(await query(second, "select rolpassword from pg_authid where rolname = 'postern_master'")).toEqual(
      [{ rolpassword: null }],
    );
  });
});

describe('ending', () => {
  test('stop ends sessions and removes every folder, twice is once', async () => {
    const server = await startPostgres({ cacheDir, runDir });
    const client = new pg.Client({ host: server.socketDir, user: 'rdsadmin', database: 'postgres' });
    const lost = once(client, 'error');
    client.on('error', () => {}); // after the reason comes the end of the connection
    await client.connect();
    const stopped = server.stop();
    expect(server.stop()).toBe(stopped);
    await stopped;
    expect((await lost)[0]).toMatchObject({ code: '57P01' });
    expect(await server.closed).toEqual({ expected: true, exitCode: 0, logTail: '' });
    expect(isAlive(server.pid)).toBe(false);
    expect([runDir, server.dataDir, server.socketDir].filter(existsSync)).toEqual([]);
    await expect(server.setPassword(server.master, 'too late')).rejects.toMatchObject({
      code: 'CLOUD_POSTGRES_STOPPED',
    });
  });

  test('a run folder that was there before, or that others use, stays', async () => {
    await mkdir(runDir);
    await writeFile(join(runDir, 'of-somebody-else'), '');
    await (await startPostgres({ cacheDir, runDir })).stop();
    expect(await readdir(runDir)).toEqual(['of-somebody-else']);
  });

  test('a start survives that somebody sweeps its run folder away while that is still empty', async () => {
    let sweeps = 0;
    const sweep = (): void => {
      try {
        rmdirSync(runDir);
        sweeps += 1;
      } catch {
        // Not there yet, or no longer empty.
      }
      if (sweeps < 3) sweeper = setImmediate(sweep);
    };
    let sweeper = setImmediate(sweep);
    await using server = await startPostgres({ cacheDir, runDir });
    clearImmediate(sweeper);
    expect(sweeps).toBe(3);
    expect(existsSync(server.socketPath)).toBe(true);
  });

  test('an end that nobody asked for is reported with the log', async () => {
    const server = await startPostgres({ cacheDir, runDir });
    process.kill(server.pid, 'SIGQUIT');
    const exit = await server.closed;
    expect(exit.expected).toBe(false);
    expect(exit.logTail).toContain('received immediate shutdown request');
    await server.stop();
    expect(existsSync(runDir)).toBe(false);
  });

  test('a killed parent takes its server with it, and the next start removes what it left', async () => {
    const { child, pid, socketDir, dataDir } = await hold();
    expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), patience);
    expect(existsSync(socketDir)).toBe(true);
    await (await startPostgres({ cacheDir, runDir: join(folder, 'next') })).stop();
    expect([socketDir, dataDir, runDir].filter(existsSync)).toEqual([]);
  });

  test('a server whose parent lives is not swept by another start', async () => {
    const { child, pid, socketDir } = await hold();
    await (await startPostgres({ cacheDir, runDir: join(folder, 'next') })).stop();
    expect(isAlive(pid)).toBe(true);
    expect(await query({ socketDir }, 'select 1 as one')).toEqual([{ one: 1 }]);
    child.send('stop');
    await once(child, 'exit');
  });

  test('a postmaster that was killed leaves no shared memory behind once it is swept', async () => {
    const { child, pid, dataDir } = await hold();
    const [key, id] = (readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[6] ?? '')
      .trim()
      .split(/\s+/);
    expect(key).toBeDefined();
    const segments = (): string[] =>
      readFileSync('/proc/sysvipc/shm', 'utf8')
        .split('\n')
        .filter((row) => row.trim().split(/\s+/)[1] === id);
    expect(segments()).toHaveLength(1);
    process.kill(pid, 'SIGKILL');
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await (await startPostgres({ cacheDir, runDir: join(folder, 'next') })).stop();
    expect(segments()).toEqual([]);
    expect(existsSync(dataDir)).toBe(false);
  });

  test('a server alone does not keep its program running', async () => {
    const { child, pid } = await hold();
    child.disconnect(); // the channel was the last thing that kept it
    await once(child, 'exit');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), patience);
    await (await startPostgres({ cacheDir, runDir: join(folder, 'next') })).stop();
  });
});

test.runIf(isRoot)(
  'binaries in a closed home are copied once to where the server’s user can reach them',
  async () => {
    const platform = currentPlatform();
    const found = findPostgresPackage(platform);
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const native = join(closed, 'native');
    await cp(found.native, native, { recursive: true });
    const options = { platform, user: serverUser(), linkFolder: join(folder, 'lib'), copiesFolder: folder };
    const programs = await providePrograms({ ...found, native }, options);
    expect(programs.bin.startsWith(join(folder, 'bin'))).toBe(true);
    const { uid, gid } = serverUser()!;
    const run = (): Promise<{ stdout: string }> =>
      promisify(execFile)(join(programs.bin, 'postgres'), ['--version'], {
        uid,
        gid,
        env: programs.environment,
      });
    expect((await run()).stdout).toContain(found.version);
    // A cleaner of temporary folders has been at it.
    await rm(join(programs.bin, '..', 'share/postgresql/postgres.bki'));
    await providePrograms({ ...found, native }, options);
    expect(existsSync(join(programs.bin, '..', 'share/postgresql/postgres.bki'))).toBe(true);
    expect(await readdir(join(folder, 'bin'))).toHaveLength(1);
  },
);
