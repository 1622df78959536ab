import { afterAll, beforeAll, expect, test } from 'vitest';
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
const master = as('postern_master');
const apply = async (declaration: DatabaseDeclaration) =>
  await declaredFunction(cluster, [declaration]).invoke({ action: 'apply' });
const refused = (message: string) => ({
  ok: false,
  error: {
    code: 'BOOTSTRAP_OWNER_CONFLICT',
    message: expect.stringContaining(message),
    hint: expect.stringContaining('declare another name'),
  },
});

test('an administrator of the cluster keeps login and password, and nobody gets that power by a declaration', async () => {
  await cluster.query(`CREATE ROLE alice LOGIN CREATEROLE PASSWORD 'x'`, master);
  await cluster.query('CREATE ROLE carol LOGIN', master);
  await cluster.query('CREATE ROLE team', master);
  await cluster.query('GRANT rds_superuser TO team', master);
  await cluster.query('GRANT team TO carol', master);
  const app = { grant: 'readwrite' as const };
  // As group, as owner, as migrator's or service's login.
  expect(
    await apply({
      name: 'adm',
      roles: { alice: { login: false }, adm_app: { ...app, memberOf: ['alice'] } },
    }),
  ).toMatchObject(refused('"alice" was not made by a bootstrap and has CREATEROLE'));
  expect(
    await apply({ name: 'adm', roles: { carol: app, adm_app: { ...app, memberOf: ['carol'] } } }),
  ).toMatchObject(refused('"carol" was not made by a bootstrap and reaches "rds_superuser" over "team"'));
  expect(await apply({ name: 'adm', owner: 'alice' })).toMatchObject(refused('has CREATEROLE'));
  expect(await apply({ name: 'adm', owner: 'team' })).toMatchObject(refused('reaches "rds_superuser"'));
  expect(await apply({ name: 'adm', roles: { carol: app } })).toMatchObject(refused('"carol"'));
  expect(
    await cluster.query(`SELECT rolname, rolcanlogin, pg_has_role(oid, 'rds_iam', 'USAGE') AS iam FROM pg_roles
      WHERE rolname IN ('alice', 'carol', 'adm_app', 'adm_migrator') ORDER BY 1`),
  ).toEqual([
    { rolname: 'alice', rolcanlogin: true, iam: false },
    { rolname: 'carol', rolcanlogin: true, iam: false },
  ]);
});

test("another team's database cannot be dropped by who migrates ours, only because the owner's name was taken", async () => {
  await cluster.query('CREATE ROLE sales_owner', master);
  await cluster.query('GRANT sales_owner TO postern_master', master);
  await cluster.query('CREATE DATABASE crm OWNER sales_owner', master);
  expect(await apply({ name: 'sales' })).toMatchObject(refused('owns database "crm"'));
  expect(
    await apply({ name: 'sales', owner: 'house', roles: { sales_owner: { login: false } } }),
  ).toMatchObject(refused('"crm"'));
  // Objects in somebody else's database count as well.
  await cluster.query('CREATE ROLE ware_owner', master);
  await cluster.query('CREATE TABLE public.ware (); ALTER TABLE public.ware OWNER TO ware_owner', {
    database: 'crm',
  });
  expect(await apply({ name: 'ware' })).toMatchObject(refused('"crm"'));
  // All of it declared: nothing is handed out that is not said.
  const both = declaredFunction(cluster, [{ name: 'sales' }, { name: 'crm', owner: 'sales_owner' }]);
  expect(await both.invoke({ action: 'apply' })).toMatchObject({ ok: true });
  expect((await both.call({ action: 'plan' })).statements).toEqual([]);
});

test('an owner made by us stays ours when a database of it is declared no longer, or a person gave it something', async () => {
  const east: DatabaseDeclaration = { name: 'east', owner: 'house_owner' };
  const west: DatabaseDeclaration = { name: 'west', owner: 'house_owner' };
  await declaredFunction(cluster, [east, west]).call({ action: 'apply' });
  await cluster.query('ALTER ROLE house_owner CREATEDB', master);
  expect(await apply(west)).toMatchObject({ ok: true });
});
