import { fileURLToPath } from 'node:url';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseDeclaration } from '../src/declaration/declaration.ts';
import { type ConnectMaster, sessionOptions } from '../src/runtime/connection.ts';
import { readMasterSecret } from '../src/runtime/secret.ts';
import { type Cluster, chosenServer, testMajor } from './fixtures/cluster.ts';
import { declaredFunction } from './fixtures/declared.ts';

/**
 * Each guard against locking the master out is taken away in turn, and the next one has to hold; without the last, the front of
 * the local cloud, which decides as RDS does, refuses the master's password. So the danger is real, and each guard is one.
 */
type Guard = 'plan' | 'before commit' | 'second login';

interface Danger {
  readonly name: string;
  readonly declaration: DatabaseDeclaration;
  /** As the master, before the apply. */
  readonly prepare?: string;
  /** As the superuser. */
  readonly prepareServer?: string;
  /** The membership that the plan is blinded for. */
  readonly hidden?: { readonly role: string; readonly member: string };
  /** What an apply with all its guards does. */
  readonly guarded: 'refuses' | 'completes';
}

const master = 'postern_master';
const dangers: Danger[] = [
  {
    name: 'the owner, which the master becomes a member of, is in rds_iam',
    declaration: { name: 'one', roles: { one_app: 'readwrite' } },
    prepare: 'CREATE ROLE one_owner; GRANT rds_iam TO one_owner',
    hidden: { role: 'rds_iam', member: 'one_owner' },
    guarded: 'refuses',
  },
  {
    name: 'the master is a member of a role that is to be an IAM login',
    declaration: { name: 'two', roles: { two_app: 'readwrite' } },
    prepare: 'CREATE ROLE two_app LOGIN; GRANT two_app TO CURRENT_USER',
    hidden: { role: 'two_app', member: master },
    guarded: 'refuses',
  },
  {
    name: 'a declared group leads to rds_iam, and the master is a member of one that joins it',
    declaration: {
      name: 'three',
      roles: {
        three_group: { login: false },
        three_app: { login: 'passwordless', memberOf: ['three_group'] },
      },
    },
    prepare: `CREATE ROLE three_up; GRANT rds_iam TO three_up; CREATE ROLE three_group; GRANT three_up TO three_group;
              CREATE ROLE three_app LOGIN; GRANT three_app TO CURRENT_USER`,
    hidden: { role: 'rds_iam', member: 'three_up' },
    guarded: 'refuses',
  },
  ...(testMajor < 16
    ? []
    : [
        {
          name: 'the server makes the master a member of every role that it creates',
          declaration: { name: 'four', roles: { four_app: 'readwrite' } } as const,
          prepareServer: `ALTER ROLE ${master} SET createrole_self_grant = 'set, inherit'`,
          guarded: 'completes' as const,
        },
      ]),
];

let cloud: LocalCloud;
let password: string;
let cluster: Cluster;
beforeAll(async () => {
  cloud = await startLocalCloud({
    cacheDir: fileURLToPath(new URL('../../../.cache/postern', import.meta.url)),
    ...(chosenServer && { postgres: chosenServer }),
  });
  ({ password } = await readMasterSecret(
    { arn: cloud.cluster.masterSecretArn },
    cloud.environment('bootstrap'),
  ));
  cluster = { query } as Cluster;
});
afterAll(async () => {
  await cloud?.close();
});

describe.each(dangers)('$name', (danger) => {
  test('every guard bites, and without them the master is locked out', async () => {
    if (danger.prepare) await query(danger.prepare, { user: master });
    if (danger.prepareServer) await query(danger.prepareServer);

    // All guards: nothing happens at all, or nothing bad.
    const guarded = await apply(danger, []);
    if (danger.guarded === 'completes') {
      expect(guarded).toMatchObject({ ok: true });
      await cleanUp(danger);
    } else {
      expect(guarded).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED' } });
      expect(
        await query(`SELECT 1 FROM pg_roles WHERE rolname = '${danger.declaration.name}_migrator'`),
      ).toEqual([]);
    }
    await expectLogin();

    // The plan is blind: the walk before the commit sees it, and the group is rolled back.
    const unplanned = await apply(danger, ['plan']);
    expect(unplanned).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED' } });
    expect(!unplanned.ok && unplanned.error.message).toContain(
      `with these grants "${master}" would be a member of rds_iam`,
    );
    await expectLogin();

    // So is the walk: the second login is refused, and the first takes the grants back.
    const committed = await apply(danger, ['plan', 'before commit']);
    expect(committed).toMatchObject({
      ok: false,
      error: { code: 'BOOTSTRAP_LOCKOUT_UNDONE', kind: 'conflict' },
    });
    expect(!committed.ok && committed.error.message).toContain(
      `PAM authentication failed for user "${master}"`,
    );
    expect(!committed.ok && committed.error.details?.['kept']).toBeUndefined();
    await expectLogin();

    // So is that login: the danger was real.
    if (danger.guarded === 'completes') await cleanUp(danger); // its danger is in creating the roles
    await apply(danger, ['plan', 'before commit', 'second login']);
    await expect(logIn()).rejects.toMatchObject({
      code: '28000',
      message: `PAM authentication failed for user "${master}"`,
    });
    await cleanUp(danger);
    await expectLogin();
  });
});

test('a prune that cannot take rds_iam away first makes the master a member of nothing', async () => {
  const before: DatabaseDeclaration = { name: 'five', roles: { five_app: 'readwrite' } };
  await declaredFunction(cluster, [before], { connect: frontConnect([]) }).call({ action: 'apply' });
  // As if the server took neither the REVOKE nor the DROP ROLE.
  const connect: ConnectMaster = async (database, options) => {
    const session = await frontConnect([])(database, options);
    const run = session.query.bind(session);
    session.query = async (text: string, values?: unknown[]) =>
      /^(REVOKE "rds_iam" FROM|DROP ROLE) "five_app"/.test(text) ? { rows: [] } : await run(text, values);
    return session;
  };
  const answer = await declaredFunction(cluster, [{ name: 'five' }], { connect }).invoke({
    action: 'prune',
    databases: ['five'],
  });
  expect(answer).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_LOCKOUT_REFUSED' } });
  await expectLogin();
  const undisturbed = declaredFunction(cluster, [{ name: 'five' }], { connect: frontConnect([]) });
  expect((await undisturbed.call({ action: 'prune', databases: ['five'] })).dropped.roles).toEqual([
    'five_app',
  ]);
  await expectLogin();
});

describe('a second login that gets no answer', () => {
  const full = Object.assign(new Error('remaining connection slots are reserved'), { code: '53300' });
  const membersOfIam = (like: string) =>
    query(`SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
      WHERE m.roleid = 'rds_iam'::regrole AND r.rolname ~ '${like}' ORDER BY 1`);
  /** The first login works, and so many after it do not. */
  const crowded = (failing: number): ConnectMaster => {
    let opened = 0;
    return async (...target) => {
      opened++;
      if (opened > 1 && opened <= 1 + failing) throw full;
      return await frontConnect([])(...target);
    };
  };

  test('is tried again', async () => {
    const six: DatabaseDeclaration = { name: 'six', roles: { six_app: 'readwrite' } };
    await declaredFunction(cluster, [six], { connect: crowded(2) }).call({ action: 'apply' });
    await expectLogin();
  });

  test('takes nothing back: roles keep the logins that the commit was checked for', async () => {
    const seven: DatabaseDeclaration = { name: 'seven', roles: { seven_app: 'readwrite' } };
    const answer = await declaredFunction(cluster, [seven], { connect: crowded(99) }).invoke({
      action: 'apply',
    });
    expect(answer).toMatchObject({ ok: false, error: { code: 'BOOTSTRAP_DATABASE_UNREACHABLE' } });
    expect(await membersOfIam('^seven')).toEqual([{ rolname: 'seven_app' }, { rolname: 'seven_migrator' }]);
    await expectLogin();
    await declaredFunction(cluster, [seven], { connect: frontConnect([]) }).call({ action: 'apply' });
  });
});

async function apply(danger: Danger, removed: readonly Guard[]) {
  return await declaredFunction(cluster, [danger.declaration], {
    connect: frontConnect(removed, danger),
  }).invoke({ action: 'apply' });
}

/** Sessions through the front, with the guards taken away by what the handler gets to see. */
function frontConnect(removed: readonly Guard[], danger?: Danger): ConnectMaster {
  let opened = 0;
  return async (database, { role } = {}) => {
    const around = removed.includes('second login') && opened++ > 0;
    const options = { database, options: sessionOptions(role) };
    const client = new pg.Client(
      around ? { ...cloud.postgres.superuserConfig(), user: master, ...options } : { ...front(), ...options },
    );
    client.on('error', () => undefined);
    await client.connect();
    const run = client.query.bind(client) as (
      text: string,
      values?: unknown[],
    ) => Promise<{ rows: Record<string, never>[] }>;
    client.query = (async (text: string, values?: unknown[]) => {
      if (removed.includes('plan') && text.includes('createrole_self_grant')) return { rows: [] };
      const result = await run(text, values);
      const [row] = result.rows ?? []; // of several statements: a list of results
      if (removed.includes('before commit') && row && 'iam' in row && 'master' in row)
        return { rows: [{ ...row, iam: false }] };
      if (removed.includes('plan') && danger?.hidden && text.includes("'memberships'"))
        blind(row as never, danger.hidden);
      return result;
    }) as never;
    return client;
  };
}

function blind(
  row: { catalog: { memberships: { role: string; member: string }[] } },
  hidden: { readonly role: string; readonly member: string },
): void {
  const { catalog } = row;
  catalog.memberships = catalog.memberships.filter(
    ({ role, member }) => role !== hidden.role || member !== hidden.member,
  );
}

function front(): pg.ClientConfig {
  const { endpoint, port, caPem } = cloud.cluster;
  return { host: '127.0.0.1', port, user: master, password, ssl: { ca: caPem, servername: endpoint } };
}

async function logIn(): Promise<void> {
  const client = new pg.Client({ ...front(), database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function expectLogin(): Promise<void> {
  await expect(logIn()).resolves.toBeUndefined();
}

/** The way around the front. */
async function query<T = Record<string, unknown>>(
  sql: string,
  { user, database = 'postgres' }: { user?: string; database?: string } = {},
): Promise<T[]> {
  const client = new pg.Client({
    ...cloud.postgres.superuserConfig(database),
    ...(user === undefined ? {} : { user }),
  });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function cleanUp({ declaration: { name } }: Danger): Promise<void> {
  await query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await query(`DO $$ DECLARE role text; BEGIN
    FOR role IN SELECT rolname FROM pg_roles WHERE rolname ~ '^${name}_' LOOP EXECUTE format('DROP ROLE %I', role); END LOOP; END $$`);
}
