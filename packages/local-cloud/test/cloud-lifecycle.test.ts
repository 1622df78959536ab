import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startLocalCloud } from '../src/index.ts';
import { obstacleFor } from '../src/postgres/server-user.ts';
import { cacheDir, patience } from './fixtures/test-front.ts';

const program = fileURLToPath(new URL('fixtures/hold-cloud.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
/** Not so in a checkout below root's home. */
const othersCanRunThis =
  isRoot &&
  (await obstacleFor({ name: 'nobody', uid: nobody, gid: nobody }, program, { read: true })) === undefined;

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-test-'));
  await chmod(folder, 0o755);
  vi.stubEnv('TMPDIR', join(folder, 'tmp'));
  await mkdir(tmpdir());
  await chmod(tmpdir(), 0o1777);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

interface Held {
  readonly child: ChildProcess;
  readonly postgres: number;
  readonly socketDir: string;
  readonly function: number;
}

/** A cloud in a process of its own, in which a function has run. */
async function hold(options: { cacheDir?: string; runDir?: string; uid?: number } = {}): Promise<Held> {
  const { runDir, uid } = options;
  const child = fork(program, [options.cacheDir ?? cacheDir, ...(runDir === undefined ? [] : [runDir])], {
    execArgv: ['--conditions=@postern/source'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(uid !== undefined && { uid, gid: uid }),
    env: { PATH: process.env['PATH'], TMPDIR: tmpdir() },
  });
  children.push(child);
  const answer = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => undefined)]);
  if (!answer) throw new Error('the program ended before its cloud was up');
  return { child, ...answer[0] };
}

/** `Z` has ended, too: somebody only has to look. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

async function kill({ child, ...held }: Held): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  for (const pid of [held.postgres, held.function])
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), patience);
}

test.each(['the default run folder', 'a run folder of the caller'])(
  'a killed cloud takes its processes along, and the next start removes its files: %s',
  async (where) => {
    const runDir = join(folder, 'run');
    const held = await hold(where.startsWith('the default') ? {} : { runDir });
    expect(isAlive(held.postgres) && isAlive(held.function)).toBe(true);
    await kill(held);
    expect(await readdir(dirname(held.socketDir))).toHaveLength(2);
    await (await startLocalCloud({ cacheDir })).close();
    expect(await readdir(tmpdir())).toEqual([]);
    expect(await readdir(folder)).toEqual(['tmp']);
  },
);

test('a cloud whose program lives is not swept by another start, and each leaves nothing', async () => {
  const held = await hold();
  const files = await readdir(dirname(held.socketDir));
  await (await startLocalCloud({ cacheDir })).close();
  expect(await readdir(dirname(held.socketDir))).toEqual(files);
  expect(isAlive(held.postgres) && isAlive(held.function)).toBe(true);
  held.child.send('stop');
  await once(held.child, 'exit');
  expect(await readdir(tmpdir())).toEqual([]);
});

test('a run folder that the start made goes with it, functions and all', async () => {
  const runDir = join(folder, 'run');
  const { child } = await hold({ runDir });
  const modes = await Promise.all(
    (await readdir(runDir)).map(async (name) => (await stat(join(runDir, name))).mode & 0o777),
  );
  expect(modes).toEqual([0o700, 0o700]);
  child.send('stop');
  await once(child, 'exit');
  expect(await readdir(folder)).toEqual(['tmp']);
});

test.runIf(isRoot && othersCanRunThis)('as a normal user all of it works, functions included', async () => {
  const ownCache = join(folder, 'cache');
  await mkdir(ownCache);
  await chown(ownCache, nobody, nobody);
  const held = await hold({ cacheDir: ownCache, uid: nobody });
  for (const pid of [held.postgres, held.function]) expect((await stat(`/proc/${pid}`)).uid).toBe(nobody);
  held.child.send('stop');
  await once(held.child, 'exit');
  expect(await readdir(tmpdir())).toEqual([]);
});

test('no process of the cloud has a secret of ours in its arguments or its environment', async () => {
  vi.stubEnv('POSTERN_SECRET_OF_THE_HOST', 'sekret-of-the-host');
  const before = new Set(readdirSync('/proc'));
  await using cloud = await startLocalCloud({ cacheDir });
  const credentials = cloud.credentials('bootstrap');
  const { endpoint, region } = cloud;
  const secrets = new SecretsManagerClient({ endpoint, region, credentials });
  const { SecretString = '' } = await secrets.send(
    new GetSecretValueCommand({ SecretId: cloud.cluster.masterSecretArn }),
  );
  const { password } = JSON.parse(SecretString) as { password: string };
  const texts = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && !before.has(name))
    .flatMap((pid) => ['cmdline', 'environ'].map((file) => `/proc/${pid}/${file}`))
    .map((file) => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return ''; // ended in this moment
      }
    });
  expect(texts.filter((text) => text.includes('unix_socket_permissions=0700'))).not.toEqual([]);
  for (const secret of ['sekret-of-the-host', password, credentials.secretAccessKey])
    expect(texts.filter((text) => text.includes(secret))).toEqual([]);
});
