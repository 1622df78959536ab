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
  });
});
