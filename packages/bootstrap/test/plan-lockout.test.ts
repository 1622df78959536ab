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

const asMaster = async (sql: string) =>
  await cluster.query(sql, { user: 'postern_master', database: 'postgres' });
const refusal = async (...declarations: DatabaseDeclaration[]) =>
  await declaredFunction(cluster, declarations).invoke({ action: 'plan' });
/** As the server counts, see src/plan/lockout.ts. */
const masterIsCaught = async (): Promise<unknown> =>
  (
    await cluster.query(`WITH RECURSIVE up (roleid) AS (
      SELECT a.roleid FROM pg_auth_members a WHERE a.member = 'postern_master'::regrole
        AND NOT coalesce(a.grantor = 10 AND a.admin_option AND NOT (to_jsonb(a) ->> 'set_option')::bool, false)
      UNION SELECT a.roleid FROM pg_auth_members a JOIN up ON a.member = up.roleid
        WHERE NOT coalesce(a.grantor = 10 AND a.admin_option AND NOT (to_jsonb(a) ->> 'set_option')::bool, false))
    SELECT EXISTS (SELECT FROM up WHERE roleid = 'rds_iam'::regrole) AS caught`)
  )[0]?.['caught'];

describe('plan refuses, and names the chain', () => {
  test('rds_iam for a login that the master is a member of', async () => {
    await asMaster('CREATE ROLE near_app LOGIN');
    await asMaster('GRANT near_app TO postern_master');
    expect(await refusal({ name: 'near', roles: { near_app: 'readwrite' } })).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_LOCKOUT_REFUSED',
        message:
          'after GRANT rds_iam TO "near_app" the master "postern_master" would be a member of rds_iam over "near_app" and could no longer log in with its password',
        hint: expect.stringContaining('REVOKE "near_app" FROM "postern_master"'),
      },
    });
  });

  test('an owner that is a member of a login which this very plan puts into rds_iam', async () => {
    await asMaster('CREATE ROLE far_owner; CREATE ROLE far_app LOGIN; CREATE ROLE far_middle');
    await asMaster('GRANT far_app TO far_middle; GRANT far_middle TO far_owner');
    expect(await refusal({ name: 'far', roles: { far_app: 'readwrite' } })).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED', message: expect.stringContaining('"far_middle"') },
    });
  });

  test('a group for a role that the master is a member of, when the group leads to rds_iam', async () => {
    await asMaster('CREATE ROLE odd_group; CREATE ROLE odd_link; CREATE ROLE odd_team');
    await asMaster(
      'GRANT odd_link TO odd_group; GRANT rds_iam TO odd_link; GRANT odd_team TO postern_master',
    );
    expect(
      await refusal({
        name: 'odd',
        roles: { odd_group: { login: false }, odd_team: { login: false, memberOf: ['odd_group'] } },
      }),
    ).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_LOCKOUT_REFUSED',
        message: expect.stringContaining('over "odd_team", "odd_group", "odd_link"'),
      },
    });
  });

  test('rds_iam for a role whose members log in with passwords: nobody else loses a login', async () => {
    await asMaster(
      'CREATE ROLE dba LOGIN; CREATE ROLE worker LOGIN; CREATE ROLE legacy_app LOGIN; CREATE ROLE crew',
    );
    await asMaster('GRANT legacy_app TO crew; GRANT crew TO dba; GRANT legacy_app TO worker');
    const legacy: DatabaseDeclaration = { name: 'legacy', roles: { legacy_app: 'readwrite' } };
    expect(await refusal(legacy)).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_LOCKOUT_REFUSED',
        message:
          '"dba" (over "crew", "legacy_app"), "worker" (over "legacy_app") would become members of rds_iam and could no longer log in with their passwords',
        hint: expect.stringContaining('REVOKE "crew" FROM "dba"; REVOKE "legacy_app" FROM "worker"'),
      },
    });
    // A member that is declared an IAM login, or logs in no more, loses nothing.
    const together: DatabaseDeclaration = {
      ...legacy,
      roles: { legacy_app: 'readwrite', worker: 'readonly', dba: { login: false } },
    };
    expect(await refusal(together)).toMatchObject({ ok: true });
    await asMaster('DROP ROLE dba, worker, crew, legacy_app');
  });

  test('a declaration that names the master, in whatever part', async () => {
    for (const declaration of [
      { name: 'self', roles: { postern_master: 'readwrite' } },
      { name: 'self', owner: 'postern_master' },
      { name: 'self', roles: { postern_master: { login: false } } },
    ] as const) {
      expect(await refusal(declaration)).toMatchObject({
        ok: false,
        error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED' },
      });
    }
  });
});

test('a chain that this plan itself cuts is no obstacle', async () => {
  await asMaster('CREATE ROLE cut_group; GRANT rds_iam TO cut_group');
  await asMaster('CREATE ROLE cut_team; GRANT cut_team TO postern_master');
  const lambda = declaredFunction(cluster, [
    {
      name: 'cut',
      roles: { cut_group: { login: false }, cut_team: { login: false, memberOf: ['cut_group'] } },
    },
  ]);
  const { statements } = await lambda.call({ action: 'apply' });
  expect(statements.map(({ sql }) => sql)).toContain('REVOKE rds_iam FROM "cut_group"');
  expect(await masterIsCaught()).toBe(false);
});

describe('createrole_self_grant', () => {
  test('set for the master, locks nobody out and leaves no membership behind', async () => {
    if (cluster.server.major < 16) return;
    await cluster.query(`ALTER ROLE postern_master SET createrole_self_grant = 'set, inherit'`);
    const lambda = declaredFunction(
      cluster,
      [{ name: 'selfish', roles: { selfish_app: 'readwrite', selfish_group: { login: false } } }],
      { testDatabases: true },
    );
    await lambda.call({ action: 'apply' });
    expect((await lambda.call({ action: 'plan' })).statements).toEqual([]);
    expect(await masterIsCaught()).toBe(false);
    const held = await cluster.query(`SELECT a.roleid::regrole::text AS role FROM pg_auth_members a
      WHERE a.member = 'postern_master'::regrole AND (a.inherit_option OR a.set_option) AND a.roleid::regrole::text ~ 'selfish' ORDER BY 1`);
    expect(held).toEqual([{ role: 'pt_selfish_owner' }, { role: 'selfish_owner' }]);
    // The master's own setting is as it was.
    expect(await asMaster('SHOW createrole_self_grant')).toEqual([{ createrole_self_grant: 'set, inherit' }]);
    await cluster.query('ALTER ROLE postern_master RESET createrole_self_grant');
  });

  test('that made the master a member of a login before, is noticed', async () => {
    if (cluster.server.major < 16) return;
    await asMaster(`SET createrole_self_grant = 'inherit'; CREATE ROLE kept_app LOGIN`);
    expect(await refusal({ name: 'kept', roles: { kept_app: 'readonly' } })).toMatchObject({
      error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED', hint: expect.stringContaining('REVOKE "kept_app"') },
    });
    await asMaster('REVOKE kept_app FROM postern_master');
    await declaredFunction(cluster, [{ name: 'kept', roles: { kept_app: 'readonly' } }]).call({
      action: 'apply',
    });
    expect(await masterIsCaught()).toBe(false);
  });
});

test('refusals leave nothing behind', async () => {
  expect(
    await cluster.query(
      `SELECT rolname FROM pg_roles WHERE rolname ~ '^(near|far|odd|self)_(owner|migrator)$' AND rolname <> 'far_owner'`,
    ),
  ).toEqual([]);
  expect(await masterIsCaught()).toBe(false);
});
