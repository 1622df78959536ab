import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { artefactOf, declaredFunction } from './fixtures/declared.ts';
import { createFunction } from './fixtures/function.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const superuser = (sql: string, database = 'postgres') => cluster.query(sql, { database });
const service = (name: string, roles: DatabaseDeclaration['roles'] = {}): DatabaseDeclaration => ({
  name,
  roles,
});
const databases = async (): Promise<string[]> =>
  (
    await superuser(
      `SELECT datname FROM pg_database WHERE datname !~ '^(template|rdsadmin$|postgres$)' ORDER BY 1`,
    )
  ).map((row) => row['datname'] as string);
const keeper = () => declaredFunction(cluster, [service('keeper')]);

describe('dropDatabases', () => {
  test('drops a database that nobody declares any more with its sessions and its roles, and a second time nothing', async () => {
    await declaredFunction(cluster, [service('keeper'), service('gone', { gone_app: 'readwrite' })], {
      testDatabases: true,
    }).call({
      action: 'apply',
    });
    const session = await cluster.connect('gone_app', 'gone');
    const ended = new Promise((fulfil) => session.once('error', fulfil));
    const dry = await keeper().call({ action: 'prune', dropDatabases: ['gone'], dryRun: true });
    expect(await databases()).toContain('gone');
    const done = await keeper().call({ action: 'prune', dropDatabases: ['gone'] });
    const roles = [
      'pt_gone_app',
      'pt_gone_migrator',
      'pt_gone_owner',
      'gone_app',
      'gone_migrator',
      'gone_owner',
    ];
    expect(done).toMatchObject({ kept: [], dropped: { databases: ['gone'], roles } });
    expect(done.statements.map(({ sql }) => sql)).toEqual(dry.statements.map(({ sql }) => sql));
    await ended;
    expect(await databases()).toEqual(['keeper', 'postern']);
    expect(await superuser(`SELECT rolname FROM pg_roles WHERE rolname ~ 'gone'`)).toEqual([]);

    expect(await keeper().call({ action: 'prune', dropDatabases: ['gone'] })).toMatchObject({
      statements: [],
      dropped: { databases: [], roles: [] },
      kept: [{ object: 'database "gone"' }],
    });
  });

  test('refuses, before anything is changed, what is declared, not made here, or the ledger', async () => {
    await declaredFunction(cluster, [service('keeper'), service('fated', { fated_app: 'readwrite' })], {
      testDatabases: true,
    }).call({
      action: 'apply',
    });
    await superuser('CREATE DATABASE theirs');
    const answer = await keeper().invoke({
      action: 'prune',
      dropDatabases: ['fated', 'keeper', 'theirs', 'postgres', 'postern'],
    });
    expect(answer).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_PRUNE_REFUSED', kind: 'conflict' } });
    expect(!answer.ok && answer.error.details).toEqual({
      problems: [
        '"keeper" is declared: take the declaration out of the artefact first',
        '"theirs" does not carry the mark of a database that was created here',
        '"postgres" does not carry the mark of a database that was created here',
        '"postern" holds the ledger of test databases',
      ],
    });
    expect(await databases()).toEqual(['fated', 'keeper', 'postern', 'theirs']);
  });

  test('refuses a database that was given away, or renamed', async () => {
    await declaredFunction(cluster, [service('given'), service('named')]).call({ action: 'apply' });
    await superuser('CREATE ROLE tenant; ALTER DATABASE given OWNER TO tenant');
    await superuser('ALTER DATABASE named RENAME TO renamed');
    for (const name of ['given', 'renamed']) {
      const answer = await keeper().invoke({ action: 'prune', dropDatabases: [name] });
      expect(answer, name).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_PRUNE_REFUSED' } });
    }
    expect(await databases()).toEqual(expect.arrayContaining(['given', 'renamed']));
  });

  test('says so when the server does not drop it, and keeps what was done before', async () => {
    await declaredFunction(cluster, [service('stuck')]).call({ action: 'apply' });
    await superuser('CREATE TABLE t (); SELECT pg_create_physical_replication_slot($$x$$)', 'stuck');
    // A session of a superuser is none that the master may end.
    const session = await cluster.connect('rdsadmin', 'stuck');
    try {
      const answer = await keeper().invoke({ action: 'prune', dropDatabases: ['stuck'] });
      expect(answer).toMatchObject({
        ok: false,
        error: { code: 'BOOTSTRAP_STATEMENT_FAILED', details: { sqlState: '42501' } },
      });
    } finally {
      await session.end();
      await superuser('SELECT pg_drop_replication_slot($$x$$)');
    }
    expect((await keeper().call({ action: 'prune', dropDatabases: ['stuck'] })).dropped.databases).toEqual([
      'stuck',
    ]);
  });
});

describe('test databases', () => {
  test('a template of an older declaration goes with the role that it needs; a database of a run keeps the role', async () => {
    const wide = [service('lab', { lab_app: 'readwrite', lab_old: 'readonly' })];
    const run = { run: 'abcdefgh1234', hash: artefactOf(wide).manifest.databases[0]?.templateHash ?? '' };
    const lambda = createFunction(cluster, '', {
      ports: { openArtefact: () => Promise.resolve(artefactOf(wide)) },
    });
    await lambda.call({ action: 'apply' });
    const prepared = await lambda.call({ action: 'prepare', database: 'lab', ...run, count: 1 });
    const narrow = declaredFunction(cluster, [service('lab', { lab_app: 'readwrite' })], {
      testDatabases: true,
    });

    const inUse = await narrow.call({ action: 'prune', databases: ['lab'] });
    expect(inUse.dropped).toEqual({ roles: [], databases: [] });
    expect(inUse.kept.map(({ object }) => object)).toEqual(['role "pt_lab_old"', 'role "lab_old"']);
    expect(inUse.kept[0]?.why).toMatch(/The test database "pt_[^"]+" depends on it and goes with its run/);

    await lambda.call({ action: 'drop', run: run.run });
    const after = await narrow.call({ action: 'prune', databases: ['lab'] });
    expect(after).toMatchObject({
      kept: [],
      dropped: {
        roles: ['pt_lab_old', 'lab_old'],
        databases: [prepared.status === 'ready' ? prepared.template : ''],
      },
    });
    // Whoever still has the older artefact gets a typed answer, and after its apply a template again.
    const next = { action: 'prepare', database: 'lab', ...run, run: 'abcdefgh5678', count: 1 } as const;
    expect(await lambda.invoke(next)).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_NOT_APPLIED' } });
    await lambda.call({ action: 'apply' });
    expect(await lambda.call(next)).toMatchObject({ status: 'ready', built: true });
  });
});
