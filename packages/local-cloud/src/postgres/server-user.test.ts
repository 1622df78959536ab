import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { obstacleFor, serverUser } from './server-user.ts';

const nobody = 'nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin';
const postgres = 'postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash';
const root = 'root:x:0:0:root:/root:/bin/bash';

test('root hands the server to postgres, else to nobody; others run it themselves', () => {
  expect(serverUser(1000, () => '')).toBeUndefined();
  expect(serverUser(0, () => [root, nobody, postgres].join('\n'))).toEqual({
    name: 'postgres',
    uid: 101,
    gid: 104,
  });
  expect(serverUser(0, () => [root, nobody, ''].join('\n'))).toEqual({
    name: 'nobody',
    uid: 65534,
    gid: 65533,
  });
  expect(() => serverUser(0, () => `${root}\n`)).toThrow(
    expect.objectContaining({
      code: 'CLOUD_POSTGRES_START_FAILED',
      hint: expect.stringContaining('normal user'),
    }),
  );
});

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-test-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('the folder that bars the way is found, by the rights of exactly that user', async () => {
  const file = join(folder, 'home', 'file');
  await mkdir(join(folder, 'home'));
  await writeFile(file, '');
  await chmod(file, 0o644);
  await chmod(folder, 0o711);
  const stranger = { name: 'stranger', uid: 424_242, gid: 424_242 };
  for (const [mode, obstacle] of [
    [0o700, join(folder, 'home')],
    [0o710, join(folder, 'home')],
    [0o701, undefined],
    [0o755, undefined],
  ] as const) {
    await chmod(join(folder, 'home'), mode);
    expect(await obstacleFor(stranger, file, { read: true })).toBe(obstacle);
  }
  await chmod(file, 0o600);
  expect(await obstacleFor(stranger, file, { read: true })).toBe(file);
  const self = { name: 'self', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  expect(await obstacleFor(self, file, { read: true })).toBeUndefined();
  expect(await obstacleFor(undefined, file, { read: true, execute: true })).toBeUndefined();
});
