import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const as = (user: string, database = 'postgres') => ({ user, database });
const functionOf = (...declarations: DatabaseDeclaration[]) => declaredFunction(cluster, declarations);

describe('a database whose sessions are used up', () => {
  const limited = (connectionLimit: number): DatabaseDeclaration => ({
    name: 'lim',
    connectionLimit,
    roles: { lim_app: 'readwrite' },
  });

  test('gets the higher limit that is declared, without the service having to go', async () => {
    await functionOf(limited(2)).call({ action: 'apply' });
    const service = await Promise.all([cluster.connect('lim_app', 'lim'), cluster.connect('lim_app', 'lim')]);
    const raised = functionOf(limited(50));
    const plan = await raised.call({ action: 'plan' });
    expect(plan.statements.map(({ sql }) => sql)).toEqual(['ALTER DATABASE "lim" CONNECTION LIMIT 50']);
    const { statements } = await raised.call({ action: 'apply' });
    expect(statements.map(({ sql }) => sql)).toEqual(['ALTER DATABASE "lim" CONNECTION LIMIT 50']);
    await Promise.all(service.map((session) => session.end()));
  });

  test('is reported, and neither hides the others nor keeps them from being applied', async () => {
    await functionOf(limited(2)).call({ action: 'apply' });
    const service = await Promise.all([cluster.connect('lim_app', 'lim'), cluster.connect('lim_app', 'lim')]);
    const both = functionOf(limited(2), { name: 'roomy', roles: { roomy_app: 'readonly' } });
    const { drift, migrations } = await both.call({ action: 'plan' });
    expect(drift).toEqual([
      {
        kind: 'database',
        database: 'lim',
        object: 'database "lim"',
        found: expect.stringMatching(/too many connections for database "lim".*limit of sessions is 2$/),
        prunable: false,
      },
    ]);
    // What is not known is not said.
    expect(migrations.map(({ database }) => database)).toEqual(['roomy']);
    expect((await both.call({ action: 'status' })).databases).toMatchObject([
      { name: 'lim', exists: true, pending: [] },
      { name: 'roomy', exists: false },
    ]);
    expect(await both.invoke({ action: 'apply' })).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_DATABASE_UNREACHABLE',
        message: expect.stringContaining('database "lim"'),
        hint: expect.stringContaining('connectionLimit'),
        details: { database: 'lim', sqlState: '53300' },
      },
    });
    expect(await cluster.query('SELECT 1 AS ok', as('roomy_app', 'roomy'))).toEqual([{ ok: 1 }]);
    await Promise.all(service.map((session) => session.end()));
    expect(await both.invoke({ action: 'apply' })).toMatchObject({ ok: true });
  });

  test('is opened again when its owner set the limit to nothing', async () => {
    await cluster.query(
      'SET ROLE lim_owner; ALTER DATABASE lim CONNECTION LIMIT 0',
      as('lim_migrator', 'lim'),
    );
    const { statements } = await functionOf(limited(2)).call({ action: 'apply' });
    expect(statements.map(({ sql }) => sql)).toEqual(['ALTER DATABASE "lim" CONNECTION LIMIT 2']);
  });
});

describe('a cluster that was upgraded from PostgreSQL 14, whose template1 keeps the old schema public', () => {
  const declared = (name: string): DatabaseDeclaration => ({ name, roles: { [`${name}_app`]: 'readwrite' } });
  const template = async (sql: string) => await cluster.query(sql, { database: 'template1' });
  const useful = async (name: string) => {
    await cluster.query(`SET ROLE ${name}_owner; CREATE TABLE public.t ()`, as(`${name}_migrator`, name));
    await cluster.query('INSERT INTO public.t DEFAULT VALUES', as(`${name}_app`, name));
  };

  test('gets new databases that work, at the first apply, where it is the bootstrap superuser’s', async () => {
    await template('ALTER SCHEMA public OWNER TO rdsadmin; GRANT ALL ON SCHEMA public TO PUBLIC');
    const lambda = functionOf(declared('upg'));
    expect(await lambda.invoke({ action: 'apply' })).toMatchObject({ ok: true });
    expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
    await useful('upg');
  });

  test('has them closed to PUBLIC before migrations run, where it is the master’s', async () => {
    await template('ALTER SCHEMA public OWNER TO postern_master; GRANT ALL ON SCHEMA public TO PUBLIC');
    const lambda = functionOf(declared('upm'));
    const { statements } = await lambda.call({ action: 'apply' });
    expect(statements.map(({ sql }) => sql)).toContain('REVOKE CREATE ON SCHEMA "public" FROM PUBLIC');
    expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
    await useful('upm');
  });

  test('is told what to run where nobody lets the owner in, instead of never converging', async () => {
    await template(
      'ALTER SCHEMA public OWNER TO rdsadmin; REVOKE ALL ON SCHEMA public FROM PUBLIC, postern_master',
    );
    const lambda = functionOf(declared('upn'));
    const refused = {
      ok: false,
      error: {
        code: 'BOOTSTRAP_OWNER_CONFLICT',
        message: expect.stringContaining('schema "public" of database "upn" belongs to "rdsadmin"'),
        hint: expect.stringContaining('GRANT USAGE, CREATE ON SCHEMA "public" TO "upn_owner"'),
      },
    };
    expect(await lambda.invoke({ action: 'apply' })).toMatchObject(refused);
    expect(await lambda.invoke({ action: 'plan' })).toMatchObject(refused);
    await cluster.query(
      'GRANT USAGE, CREATE ON SCHEMA public TO upn_owner; GRANT USAGE ON SCHEMA public TO upn_app',
      {
        database: 'upn',
      },
    );
    expect(await lambda.invoke({ action: 'apply' })).toMatchObject({ ok: true });
    await useful('upn');
    await template('ALTER SCHEMA public OWNER TO pg_database_owner; GRANT USAGE ON SCHEMA public TO PUBLIC');
  });
});

describe('a privilege that one declared role handed on to another', () => {
  const roles = { gr_app: 'readonly', gr_b: 'readonly', gr_c: 'readonly' } as const;
  const lambda = () => functionOf({ name: 'gr', roles }, { name: 'later', roles: { later_app: 'readonly' } });
  const asOwner = async (sql: string) =>
    await cluster.query(`SET ROLE gr_owner; ${sql}`, as('gr_migrator', 'gr'));
  const acl = async () =>
    (
      await cluster.query<{ line: string }>(
        `SELECT a.grantor::regrole || ' to ' || a.grantee::regrole || ': ' || a.privilege_type AS line FROM pg_namespace n, aclexplode(nspacl) a
          WHERE nspname = 'public' AND privilege_type = 'CREATE' AND a.grantee::regrole::text ~ '^gr_[a-z]*$' ORDER BY 1`,
        { database: 'gr' },
      )
    ).map(({ line }) => line);

  test('goes with the role that had no right to it, and does not stop the databases that come later', async () => {
    await functionOf({ name: 'gr', roles }).call({ action: 'apply' });
    await asOwner(
      'GRANT CREATE ON SCHEMA public TO gr_b WITH GRANT OPTION; GRANT CREATE, CONNECT ON DATABASE gr TO gr_b WITH GRANT OPTION',
    );
    await cluster.query(
      'GRANT CREATE ON SCHEMA public TO gr_app; GRANT CREATE ON DATABASE gr TO gr_app; GRANT CONNECT ON DATABASE gr TO gr_c',
      as('gr_b', 'gr'),
    );
    const { statements } = await lambda().call({ action: 'apply' });
    expect(statements.map(({ sql }) => sql)).toEqual(
      expect.arrayContaining([
        'REVOKE CREATE ON DATABASE "gr" FROM "gr_b" CASCADE',
        'REVOKE CREATE ON SCHEMA "public" FROM "gr_b" CASCADE',
      ]),
    );
    expect(await acl()).toEqual([]);
    expect(await cluster.query('SELECT 1 AS ok', as('gr_c', 'gr'))).toEqual([{ ok: 1 }]);
    expect((await lambda().call({ action: 'plan' })).statements).toEqual([]);
  });

  test('is drift where its grantor may keep the right, with what takes it away', async () => {
    await cluster.query('CREATE ROLE gr_stranger LOGIN', as('postern_master'));
    await asOwner(
      `GRANT CREATE ON SCHEMA public TO gr_stranger WITH GRANT OPTION; GRANT USAGE ON SCHEMA public TO gr_stranger;
       GRANT CREATE, CONNECT ON DATABASE gr TO gr_stranger WITH GRANT OPTION`,
    );
    await cluster.query(
      'GRANT CREATE ON SCHEMA public TO gr_app, PUBLIC; GRANT CREATE ON DATABASE gr TO gr_app; GRANT CONNECT ON DATABASE gr TO PUBLIC',
      as('gr_stranger', 'gr'),
    );
    const { statements, drift } = await lambda().call({ action: 'plan' });
    expect(statements).toEqual([]);
    expect((await lambda().call({ action: 'apply' })).statements).toEqual([]);
    const granted = drift.filter(({ found }) => found.includes('granted by "gr_stranger"'));
    expect(granted.map(({ object, found }) => `${object}: ${found}`).sort()).toEqual([
      'database "gr": "gr_app" has CREATE, granted by "gr_stranger"',
      'database "gr": everybody (PUBLIC) has CONNECT, granted by "gr_stranger"',
      'schema "public": "gr_app" has CREATE, granted by "gr_stranger"',
      'schema "public": everybody (PUBLIC) has CREATE, granted by "gr_stranger"',
    ]);
    for (const { sql = '' } of granted) await cluster.query(sql, as('postern_master', 'gr'));
    for (const { sql = '' } of (await lambda().call({ action: 'plan' })).drift)
      await cluster.query(sql, as('postern_master', 'gr'));
    const left = (await lambda().call({ action: 'plan' })).drift;
    expect(left.filter(({ kind }) => kind === 'grant')).toEqual([]);
    expect(await acl()).toEqual([]);
  });
});
