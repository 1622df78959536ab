import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction } from './fixtures/function.ts';
import { deploy } from './fixtures/service.ts';

/** Whoever may change one database must not become master of the cluster through the bootstrap. */
let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const declaration = { name: 'led', roles: { led_ops: 'migrator' } } as const;
const first = { '0001_a.sql': 'CREATE TABLE a ();' };
const powers = `SELECT rolname FROM pg_roles
  WHERE rolname ~ '^(led_|sneaky)' AND (rolcreaterole OR pg_has_role(oid, 'rds_superuser', 'MEMBER'))`;

async function next(migrations: Record<string, string>) {
  await using artefact = await deploy([{ declaration, migrations: { ...first, ...migrations } }]);
  return await createFunction(cluster, artefact.folder).invoke({ action: 'apply' });
}

describe('a migration runs in a session that cannot become the master', () => {
  beforeAll(async () => {
    expect(await next({})).toMatchObject({ ok: true });
  });

  test('when it says SET ROLE NONE itself', async () => {
    expect(await next({ '0002_b.sql': 'SET ROLE NONE; CREATE ROLE sneaky CREATEROLE;' })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_MIGRATION_FAILED', details: { sqlState: '42501' } },
    });
    expect(await cluster.query(powers)).toEqual([]);
  });

  test('when a trigger that somebody left behind does', async () => {
    const asOps = { user: 'led_ops', database: 'led' };
    await cluster.query(
      `SET ROLE led_owner;
       CREATE FUNCTION postern.grab() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         PERFORM set_config('role', 'none', true);
         EXECUTE 'GRANT rds_superuser TO led_ops';
         RETURN NEW;
       END $$;
       CREATE TRIGGER grab AFTER INSERT ON postern.migrations FOR EACH ROW EXECUTE FUNCTION postern.grab();`,
      asOps,
    );
    expect(await next({ '0002_b.sql': 'CREATE TABLE b ();' })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_MIGRATION_FAILED', details: { sqlState: '42501' } },
    });
    expect(await cluster.query(powers)).toEqual([]);
    await cluster.query('SET ROLE led_owner; DROP FUNCTION postern.grab() CASCADE', asOps);
    expect(await next({ '0002_b.sql': 'CREATE TABLE b ();' })).toMatchObject({ ok: true });
  });
});

test('a database that was never applied, or is not open yet, is no bug of ours', async () => {
  await using artefact = await deploy([{ declaration: { name: 'byhand' }, migrations: first }]);
  const lambda = createFunction(cluster, artefact.folder, {
    environment: { POSTERN_MIGRATE_AS: 'master' },
  });
  await cluster.query('CREATE DATABASE byhand', { user: cluster.server.master });
  expect(await lambda.invoke({ action: 'migrate' })).toMatchObject({
    ok: false,
    error: { code: 'BOOTSTRAP_NOT_APPLIED', message: expect.stringContaining('"byhand_owner"') },
  });
  await cluster.query('CREATE ROLE byhand_owner; ALTER DATABASE byhand ALLOW_CONNECTIONS false');
  expect(await lambda.invoke({ action: 'migrate' })).toMatchObject({
    ok: false,
    error: { code: 'BOOTSTRAP_NOT_APPLIED' },
  });
});
