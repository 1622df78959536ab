import { describe, expect, test } from 'vitest';
import type { ManifestDatabase } from '../contract/manifest.ts';
import { completeDeclaration } from '../declaration/complete.ts';
import type { CatalogDatabase, CatalogRole, ClusterCatalog, Membership } from './catalog.ts';
import { freshCatalog, type InnerCatalog } from './inner-catalog.ts';
import { reaches } from './memberships.ts';
import { flatten, plan } from './plan.ts';

const hash = '0'.repeat(64);
const shop: ManifestDatabase = {
  ...completeDeclaration({ name: 'shop', roles: { shop_app: 'readwrite' } }),
  engine: 'node-pg-migrate',
  migrations: [],
  declarationHash: hash,
  migrationsHash: hash,
  templateHash: hash,
};
const role = (name: string, more: Partial<CatalogRole> = {}): CatalogRole => ({
  name,
  login: false,
  superuser: false,
  inherit: true,
  connectionLimit: -1,
  powers: [],
  validUntil: null,
  settings: [],
  comment: null,
  owns: [],
  ...more,
});
const login = (name: string) => role(name, { login: true });
const database = (name: string, owner: string, more: Partial<CatalogDatabase> = {}): CatalogDatabase => ({
  name,
  owner,
  acl: [],
  untouched: false,
  allowsConnections: true,
  connectionLimit: -1,
  encoding: 'UTF8',
  provider: 'libc',
  collate: 'C',
  ctype: 'C',
  locale: null,
  settings: [],
  comment: null,
  ...more,
});
const empty: ClusterCatalog = {
  version: 170_010,
  master: 'master',
  roles: [role('rds_iam')],
  memberships: [],
  powerful: [],
  databases: [],
  roleInDatabase: [],
  encodings: {},
};
const row = (member: string, of: string, options: Partial<Membership> = {}): Membership => ({
  member,
  role: of,
  grantor: 'master',
  inherit: true,
  set: true,
  admin: false,
  implicit: false,
  ...options,
});
const planOf = (
  cluster: Partial<ClusterCatalog>,
  inside: Record<string, InnerCatalog> = {},
  testDatabases = false,
) =>
  flatten(
    plan(
      [shop],
      { cluster: { ...empty, ...cluster }, declared: [shop], inside, ledger: 0 },
      { testDatabases },
    ),
  );

describe('plan', () => {
  test('is the same for the same catalog', () => {
    expect(planOf({})).toEqual(planOf({}));
    expect(planOf({}).every((statement) => statement.why.length > 0)).toBe(true);
  });

  test('makes no test logins where the environment has no test databases', () => {
    expect(planOf({}).some(({ sql }) => sql.includes('pt_') || sql.includes('"postern"'))).toBe(false);
    expect(planOf({}, {}, true).some(({ sql }) => sql.includes('pt_lease'))).toBe(true);
  });

  test('refuses to grant the master an owner that reaches rds_iam, over however many roles', () => {
    const memberships = [
      row('shop_owner', 'group_a'),
      row('group_a', 'group_b', { inherit: false, set: false }),
      row('group_b', 'rds_iam'),
    ];
    expect(() => planOf({ memberships })).toThrow(
      expect.objectContaining({
        code: 'BOOTSTRAP_LOCKOUT_REFUSED',
        message: expect.stringContaining('"shop_owner"'),
      }),
    );
  });

  test("does not count the rows that PostgreSQL gives a role's creator by itself", () => {
    const memberships = [
      row('shop_owner', 'rds_iam', { implicit: true }),
      row('master', 'shop_owner', { implicit: true }),
    ];
    expect(planOf({ memberships }).map(({ sql }) => sql)).toContain(
      'GRANT "shop_owner" TO CURRENT_USER WITH INHERIT TRUE, SET TRUE',
    );
  });

  test('follows circles of memberships to their end', () => {
    expect(reaches([row('a', 'b'), row('b', 'a')], 'a', 'rds_iam')).toBe(false);
  });

  test('takes over a database of the master, and nobody else’s', () => {
    const of = (owner: string) => ({ databases: [database('shop', owner)] });
    expect(planOf(of('master')).map(({ sql }) => sql)).toContain(
      'ALTER DATABASE "shop" OWNER TO "shop_owner"',
    );
    expect(() => planOf(of('somebody'))).toThrow(
      expect.objectContaining({ code: 'BOOTSTRAP_OWNER_CONFLICT' }),
    );
  });

  test('gives a role that lost rds_iam its IAM login back, and takes LOGIN from an owner', () => {
    const sql = planOf({ roles: [...empty.roles, login('shop_app'), login('shop_owner')] }).map(
      (statement) => statement.sql,
    );
    expect(sql).toContain('GRANT rds_iam TO "shop_app"');
    expect(sql).toContain('ALTER ROLE "shop_owner" NOLOGIN');
    expect(sql).not.toContain('CREATE ROLE "shop_app" LOGIN');
  });

  test('leaves superusers alone', () => {
    const roles = [...empty.roles, { ...login('shop_app'), superuser: true }];
    expect(() => planOf({ roles })).toThrow(expect.objectContaining({ code: 'BOOTSTRAP_OWNER_CONFLICT' }));
  });

  test('says what is wrong with a server that cannot work', () => {
    const unsupported = expect.objectContaining({ code: 'BOOTSTRAP_SERVER_UNSUPPORTED' });
    expect(() => planOf({ version: 140_018 })).toThrow(unsupported);
    expect(() => planOf({ roles: [] })).toThrow(unsupported);
  });

  test('withdraws what a role may no longer do when its grant shrinks', () => {
    const shrunk: ManifestDatabase = {
      ...shop,
      ...completeDeclaration({ name: 'shop', roles: { shop_app: 'readonly' } }),
    };
    const defaults = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'].map((privilege) => ({
      schema: 'public',
      type: 'r',
      grantee: 'shop_app',
      privilege,
    }));
    const inside = {
      shop: {
        ...freshCatalog,
        defaults,
        relations: [{ schema: 'public', name: 'orders', type: 'r' as const }],
      },
    };
    const statements = flatten(
      plan(
        [shrunk],
        {
          cluster: { ...empty, databases: [database('shop', 'shop_owner')] },
          declared: [shrunk],
          inside,
          ledger: 0,
        },
        { testDatabases: false },
      ),
    ).map(({ sql }) => sql);
    expect(statements).toContain('REVOKE INSERT, UPDATE, DELETE ON TABLE "public"."orders" FROM "shop_app"');
    expect(
      statements.some(
        (sql) => sql.startsWith('ALTER DEFAULT') && sql.includes('REVOKE INSERT, UPDATE, DELETE ON TABLES'),
      ),
    ).toBe(true);
  });
});
