import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApplyResult, StatusResult } from '../src/contract/response.ts';
import { type DeployedCloud, deployToCloud } from './fixtures/cloud.ts';
import { type Command, createCommand } from './fixtures/command.ts';
import { deployBuilt, shop } from './fixtures/service.ts';

/** The artefact as a command, against the local cloud: its Secrets Manager, its front with TLS, its PostgreSQL. */
let deployed: DeployedCloud;
let artefact: Awaited<ReturnType<typeof deployBuilt>>;
let command: Command;
let withRole: Record<string, string>;

beforeAll(async () => {
  artefact = await deployBuilt([
    {
      ...shop,
      declaration: { ...shop.declaration, name: 'first', roles: { first_app: 'readwrite' } },
      migrations: {
        '0001_a.sql': `CREATE TABLE a (); DO $$ BEGIN RAISE NOTICE 'the table is there'; END $$;`,
        '0002_b.sql': 'CREATE TABLE b ();',
      },
    },
    {
      declaration: { name: 'second', roles: { second_app: 'readonly' } },
      migrations: { '0001_c.sql': 'CREATE TABLE c ();' },
    },
  ]);
  deployed = await deployToCloud(artefact.built.zip);
  command = await createCommand(artefact.folder, deployed);
  const { accessKeyId, secretAccessKey, sessionToken } = deployed.cloud.credentials('bootstrap');
  withRole = {
    POSTERN_DB_SECRET_ARN: deployed.cloud.cluster.masterSecretArn,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken ? { AWS_SESSION_TOKEN: sessionToken } : {}),
  };
});
afterAll(async () => {
  await deployed?.[Symbol.asyncDispose]();
  await artefact?.[Symbol.asyncDispose]();
});

describe('node index.mjs', () => {
  test('applies, tells what it does as it goes, and gives the result as JSON', async () => {
    const { code, stdout, stderr } = await command.run(['apply', '--databases', 'first,second'], withRole);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout) as ApplyResult;
    expect(result).toMatchObject({
      done: true,
      manifest: artefact.built.manifest.hash,
      migrations: [
        { database: 'first', applied: ['0001_a', '0002_b'] },
        { database: 'second', applied: ['0001_c'] },
      ],
    });
    for (const line of [
      /^ +\d+\.\ds postgres: CREATE DATABASE "first" .*\(\d+ ms\)$/m,
      /^ +\d+\.\ds first: 0001_a: NOTICE: the table is there$/m,
      /^ +\d+\.\ds second: 0001_c applied \(\d+ ms\)$/m,
    ]) {
      expect(stderr).toMatch(line);
    }
    const status = await command.run(['status', '--databases', 'second'], withRole);
    expect((JSON.parse(status.stdout) as StatusResult).outstanding).toBe(0);
  });

  test('logs structured lines and metrics instead, when asked', async () => {
    const { code, stderr } = await command.run(['plan', '--log', 'json'], withRole);
    expect(code).toBe(0);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([
      { level: 'INFO', message: 'done', action: 'plan', correlation_id: expect.any(String) },
      { _aws: {}, action: 'plan', Failures: 0 },
    ]);
  });

  test.each([
    [[], 'no action'],
    [['dance'], 'unknown action "dance"'],
    [['apply', 'plan'], 'one action at a time'],
    [['apply', '--force'], "Unknown option '--force'"],
    [['apply', '--databases'], 'argument missing'],
    [['down', '--database', 'first', '--count', 'all'], '--count is not a number'],
    [['apply', '--log', 'loud'], '--log is text or json'],
  ])('%j is asked wrongly: exit code 2 and the usage', async (args, problem) => {
    const { code, stdout, stderr } = await command.run(args, withRole);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(problem);
    expect(stderr).toContain('node index.mjs <action>');
  });

  test('says what the contract refuses, what fails and what is not configured, by exit code', async () => {
    const refused = await command.run(['ping', '--databases', 'first'], withRole);
    expect(refused).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('databases: unknown field; ping takes none'),
    });
    const unknown = await command.run(['apply', '--databases', 'third'], withRole);
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('BOOTSTRAP_DATABASE_UNKNOWN') });
    const cautious = await command.run(['down', '--database', 'second', '--count', '1'], withRole);
    expect(cautious).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('BOOTSTRAP_ACTION_FORBIDDEN'),
    });
    const faked = await command.run(['fake', '--database', 'second', '--to', '0001_c'], withRole);
    expect(faked.stderr).toContain('in a shell for this once: POSTERN_ALLOWED_ACTIONS=fake');
    expect(faked.stderr).not.toContain('the other function');
    const nowhere = await command.run(['ping'], { ...withRole, POSTERN_DB_HOST: '' });
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('POSTERN_DB_HOST is not set') });
    const help = await command.run(['--help']);
    expect(help).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('node index.mjs <action>'),
      stderr: '',
    });
  });

  test('does what takes something away only where it is named', async () => {
    const { code, stdout } = await command.run(
      ['down', '--database', 'second', '--count', '1', '--dry-run'],
      {
        ...withRole,
        POSTERN_ALLOWED_ACTIONS: 'down',
      },
    );
    // It has no down part; the refusal is that of the migration, not of the action.
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});

describe('the master secret without Lambda', () => {
  test('may be a file, without any AWS credentials', async () => {
    const { cluster, secrets } = deployed.cloud;
    const secret = JSON.stringify({ username: cluster.masterUsername, password: 'Known:/@1' });
    const session = await superuser('postgres');
    await session.query(`ALTER ROLE ${cluster.masterUsername} PASSWORD 'Known:/@1'`);
    await session.end();
    secrets.putValue(cluster.masterSecretArn, secret);
    const file = join(artefact.folder, 'secret.json');
    await writeFile(file, secret);
    expect(await command.run(['ping'], { POSTERN_DB_SECRET_FILE: file })).toMatchObject({ code: 0 });
    await writeFile(file, `{"username": "x", "password": "hunter2"`);
    const broken = await command.run(['ping'], { POSTERN_DB_SECRET_FILE: file });
    expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining('BOOTSTRAP_SECRET_INVALID') });
    expect(broken.stderr).not.toContain('hunter2');
    const both = await command.run(['ping'], { ...withRole, POSTERN_DB_SECRET_FILE: file });
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('choose one') });
  });

  test('is read with the credentials of the container', async () => {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, ...rest } = withRole;
    const server = createServer((request, response) => {
      if (request.headers.authorization !== 'task-token') return void response.writeHead(401).end();
      response.end(
        JSON.stringify({
          AccessKeyId: AWS_ACCESS_KEY_ID,
          SecretAccessKey: AWS_SECRET_ACCESS_KEY,
          ...(AWS_SESSION_TOKEN ? { Token: AWS_SESSION_TOKEN } : {}),
        }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const task = {
      ...rest,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${(server.address() as AddressInfo).port}/role`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'task-token',
    };
    try {
      expect(await command.run(['ping'], task)).toMatchObject({ code: 0 });
      expect(await command.run(['ping'], rest)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('BOOTSTRAP_CREDENTIALS_UNAVAILABLE'),
      });
    } finally {
      server.close();
    }
  });
});

test('a container that is told to stop ends between two migrations, and says what is left', async () => {
  const gate = { '0000_gate.sql': 'CREATE TABLE gate ();' };
  await using base = await deployBuilt([{ declaration: { name: 'slow' }, migrations: gate }]);
  await using more = await deployBuilt([
    {
      declaration: { name: 'slow' },
      migrations: { ...gate, '0001_a.sql': 'LOCK TABLE gate;', '0002_b.sql': 'CREATE TABLE b ();' },
    },
  ]);
  expect(await (await createCommand(base.folder, deployed)).run(['apply'], withRole)).toMatchObject({
    code: 0,
  });
  const holder = await superuser('slow');
  await holder.query('BEGIN; LOCK TABLE gate');
  const stopped = await createCommand(more.folder, deployed);
  const { child, stderr, ended } = stopped.start(['apply'], withRole);
  await expect.poll(stderr, { timeout: 20_000 }).toContain('0001_a started');
  child.kill('SIGTERM');
  await expect.poll(stderr, { timeout: 20_000 }).toContain('stopping after the migration that is at work');
  await holder.end();
  const { code, stdout } = await ended;
  expect(code).toBe(1);
  expect((JSON.parse(stdout) as ApplyResult).migrations).toEqual([
    { database: 'slow', applied: ['0001_a'], pending: ['0002_b'] },
  ]);
  const rest = await stopped.run(['apply'], withRole);
  expect((JSON.parse(rest.stdout) as ApplyResult).migrations).toEqual([
    { database: 'slow', applied: ['0002_b'] },
  ]);
});

test('the second Ctrl-C ends it by itself, also as the first process of a container, which no signal ends', async () => {
  const held = { '0000_held.sql': 'CREATE TABLE held ();' };
  await using base = await deployBuilt([{ declaration: { name: 'held' }, migrations: held }]);
  await using more = await deployBuilt([
    { declaration: { name: 'held' }, migrations: { ...held, '0001_a.sql': 'LOCK TABLE held;' } },
  ]);
  const first = await createCommand(base.folder, deployed);
  expect(await first.run(['apply'], withRole)).toMatchObject({ code: 0 });
  const holder = await superuser('held');
  await holder.query('BEGIN; LOCK TABLE held');
  const { child, stderr, ended } = (await createCommand(more.folder, deployed)).start(['apply'], withRole);
  await expect.poll(stderr, { timeout: 20_000 }).toContain('0001_a started');
  child.kill('SIGTERM');
  await expect.poll(stderr, { timeout: 20_000 }).toContain('once more to end at once');
  child.kill('SIGINT');
  // Its own exit code; that of a process which a signal has ended is null.
  expect(await ended).toMatchObject({ code: 130 });
  await holder.end();
});

test('a down that was stopped and is repeated as told takes back what was meant, not the next ones as well', async () => {
  const names = ['0001_a', '0002_b', '0003_c', '0004_d'];
  const reversible = Object.fromEntries(
    names.map((name) => [
      `${name}.sql`,
      `-- Up Migration\nCREATE TABLE "${name}" ();\n-- Down Migration\nDROP TABLE "${name}";`,
    ]),
  );
  await using back = await deployBuilt([{ declaration: { name: 'back' }, migrations: reversible }]);
  const shell = await createCommand(back.folder, deployed);
  const cautious = { ...withRole, POSTERN_ALLOWED_ACTIONS: 'down' };
  const down = ['down', '--database', 'back', '--count', '2'];
  expect(await shell.run(['apply'], withRole)).toMatchObject({ code: 0 });
  const holder = await superuser('back');
  await holder.query('BEGIN; LOCK TABLE "0004_d"');
  const { child, stderr, ended } = shell.start(down, cautious);
  await expect.poll(stderr, { timeout: 20_000 }).toContain('0004_d started');
  child.kill('SIGTERM');
  await expect.poll(stderr, { timeout: 20_000 }).toContain('stopping after the migration that is at work');
  await holder.end();
  const { code, stdout } = await ended;
  expect({ code, reverted: JSON.parse(stdout).reverted }).toEqual({ code: 1, reverted: ['0004_d'] });
  expect(stderr()).toMatch(/BOOTSTRAP_INCOMPLETE[\s\S]*Repeat it with --from 0004_d: .* left of these 2 /);
  const rest = await shell.run([...down, '--from', '0004_d'], cautious);
  expect(JSON.parse(rest.stdout)).toMatchObject({ reverted: ['0003_c'], done: true });
  const again = await shell.run([...down, '--from', '0004_d'], cautious);
  expect(JSON.parse(again.stdout)).toMatchObject({ reverted: [], done: true });
});

async function superuser(database: string): Promise<pg.Client> {
  const client = new pg.Client(deployed.cloud.postgres.superuserConfig(database));
  await client.connect();
  return client;
}
