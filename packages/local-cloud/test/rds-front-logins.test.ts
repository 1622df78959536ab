import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FrontLogin, FrontRefusal } from '../src/rds-front/events.ts';
import { chosenServer, testMajor } from './fixtures/chosen-server.ts';
import { logIn, master, type Overrides, startTestFront, type TestFront } from './fixtures/test-front.ts';

let cloud: TestFront;
const withoutUse = testMajor >= 16 ? 'with inherit false, set false' : '';
const password = 'Right-password-1';
const events: (FrontLogin | FrontRefusal)[] = [];
const collect = (event: unknown): void => void events.push(event as FrontLogin | FrontRefusal);

beforeAll(async () => {
  subscribe('postern:local-cloud:front-login', collect);
  subscribe('postern:local-cloud:front-refusal', collect);
  cloud = await startTestFront({ installation: chosenServer });
  await cloud.asSuperuser(`
    create role app_iam login;            grant rds_iam to app_iam;
    create role app_iam_password login;   grant rds_iam to app_iam_password;
    create role devs nologin;             grant rds_iam to devs;
    create role deeper nologin;           grant devs to deeper;
    create role grouped login;            grant deeper to grouped;
    create role uninherited login;        grant rds_iam to uninherited ${withoutUse};
    create role iam_nologin nologin;      grant rds_iam to iam_nologin;
    create role plain login;
    create role expired login valid until '2020-01-01';
    create role until_later login valid until '2100-01-01';
    create role no_password login;
    create role no_login nologin;
    create role "Weird ""name""" login;
  `);
  await cloud.asSuperuser(
    `set password_encryption = 'md5'; create role md5_user login password '${password}'`,
  );
  for (const role of ['app_iam_password', 'plain', 'expired', 'until_later', 'no_login', 'Weird "name"'])
    await cloud.server.setPassword(role, password);
  for (const role of ['app_iam', 'app_iam_password', 'grouped', 'uninherited', 'iam_nologin'])
    cloud.tokens.set(role, `token of ${role} ${'x'.repeat(1500)}`);
});

afterAll(() => cloud.close());

const attempt = (overrides: Overrides): Promise<string> => logIn(cloud.config(overrides));
const tokenOf = (user: string): string => cloud.tokens.get(user) as string;

describe('members of rds_iam', () => {
  test.each(['app_iam', 'grouped', 'uninherited'])('%s gets in with a token', async (user) => {
    expect(await attempt({ user, password: tokenOf(user) })).toBe(user);
  });

  test('the token is checked for the endpoint’s name, the front’s port and the user who logs in', async () => {
    await attempt({ user: 'app_iam', password: tokenOf('app_iam') });
    expect(cloud.tokenRequests.at(-1)).toEqual({
      token: tokenOf('app_iam'),
      host: expect.stringMatching(/\.rds\.amazonaws\.com$/),
      port: cloud.front.port,
      user: 'app_iam',
    });
  });

  test('a wrong token is refused with the text of PAM', async () => {
    expect(await attempt({ user: 'app_iam', password: 'another' })).toBe(
      '28000 PAM authentication failed for user "app_iam"',
    );
  });

  test('their stored password is ignored', async () => {
    expect(await attempt({ user: 'app_iam_password', password })).toBe(
      '28000 PAM authentication failed for user "app_iam_password"',
    );
  });

  test('a verifier that breaks looks like a wrong token and does not end the front', async () => {
    const broken = { get: cloud.tokens.get };
    cloud.tokens.get = () => {
      throw new Error('out of order');
    };
    try {
      expect(await attempt({ user: 'app_iam', password: 'any' })).toBe(
        '28000 PAM authentication failed for user "app_iam"',
      );
    } finally {
      cloud.tokens.get = broken.get;
    }
  });

  test('without TLS they are rejected before any token is asked for', async () => {
    let asked = false;
    const askedForPassword = (): string => {
      asked = true;
      return tokenOf('app_iam');
    };
    expect(await attempt({ user: 'app_iam', password: askedForPassword, ssl: false })).toBe(
      '28000 pg_hba.conf rejects connection for host "127.0.0.1", user "app_iam", database "postgres", no encryption',
    );
    expect(asked).toBe(false);
  });

  test('an empty password is named as such', async () => {
    expect(await attempt({ user: 'app_iam', password: () => '' })).toBe(
      '28P01 empty password returned by client',
    );
  });

  test('a token does not let a role without LOGIN in', async () => {
    expect(await attempt({ user: 'iam_nologin', password: tokenOf('iam_nologin') })).toBe(
      '28000 role "iam_nologin" is not permitted to log in',
    );
  });

  test('a missing database is only told after the token was right', async () => {
    expect(await attempt({ user: 'app_iam', password: tokenOf('app_iam'), database: 'absent' })).toBe(
      '3D000 database "absent" does not exist',
    );
    expect(await attempt({ user: 'app_iam', password: 'wrong', database: 'absent' })).toBe(
      '28000 PAM authentication failed for user "app_iam"',
    );
  });

  test('channel binding is not offered to them, as with any cleartext method', async () => {
    expect(await attempt({ user: 'app_iam', password: tokenOf('app_iam'), enableChannelBinding: true })).toBe(
      'app_iam',
    );
  });
});

describe('everybody else', () => {
  test.each(['plain', 'until_later', 'Weird "name"'])('%s gets in with a password', async (user) => {
    expect(await attempt({ user, password })).toBe(user);
  });

  test('with channel binding, too, and with direct TLS where the server knows it', async () => {
    expect(await attempt({ user: 'plain', password, enableChannelBinding: true })).toBe('plain');
    const direct = await attempt({ user: 'plain', password, sslnegotiation: 'direct' } as Overrides);
    expect(direct.split(' ')[0]).toBe(testMajor >= 17 ? 'plain' : 'ECONNRESET');
  });

  test.each(['plain', 'absent_role', 'expired', 'no_password', 'md5_user', 'no_login'])(
    '%s with a wrong password: the same refusal for every reason',
    async (user) => {
      expect(await attempt({ user, password: 'wrong' })).toBe(
        `28P01 password authentication failed for user "${user}"`,
      );
    },
  );

  test.each(['expired', 'md5_user'])('%s is refused although the password is right', async (user) => {
    expect(await attempt({ user, password })).toBe(`28P01 password authentication failed for user "${user}"`);
  });

  test('a token is a wrong password for a role that is not in rds_iam', async () => {
    expect(await attempt({ user: 'plain', password: tokenOf('app_iam') })).toBe(
      '28P01 password authentication failed for user "plain"',
    );
  });

  test('the server refuses a role without LOGIN after its password was right', async () => {
    expect(await attempt({ user: 'no_login', password })).toBe(
      '28000 role "no_login" is not permitted to log in',
    );
  });

  test('a missing database is told after login', async () => {
    expect(await attempt({ user: 'plain', password, database: 'absent' })).toBe(
      '3D000 database "absent" does not exist',
    );
  });

  test('without TLS there is no entry for them', async () => {
    expect(await attempt({ user: 'plain', password, ssl: false })).toBe(
      '28000 no pg_hba.conf entry for host "127.0.0.1", user "plain", database "postgres", no encryption',
    );
  });

  test('nobody gets at the superuser or its database', async () => {
    expect(await attempt({ user: 'rdsadmin', password })).toBe(
      '28000 pg_hba.conf rejects connection for host "127.0.0.1", user "rdsadmin", database "postgres", SSL encryption',
    );
    expect(await attempt({ ...master, database: 'rdsadmin' })).toBe(
      '28000 pg_hba.conf rejects connection for host "127.0.0.1", user "postern_master", database "rdsadmin", SSL encryption',
    );
  });

  test('a replication connection finds no entry', async () => {
    expect(await attempt({ user: 'plain', password, replication: 'true' } as Overrides)).toBe(
      '28000 no pg_hba.conf entry for replication connection from host "127.0.0.1", user "plain", SSL encryption',
    );
  });
});

describe('the master', () => {
  const asMaster = (sql: string): Promise<pg.QueryResult> =>
    cloud.asSuperuser(`set session authorization ${master.user}; ${sql}; reset session authorization`);

  test('keeps its password when it creates IAM roles, in spite of the membership that PostgreSQL adds', async () => {
    await asMaster('create role made_by_master login; grant rds_iam to made_by_master');
    cloud.tokens.set('made_by_master', 'token');
    expect(await attempt(master)).toBe(master.user);
    expect(await attempt({ user: 'made_by_master', password: 'token' })).toBe('made_by_master');
  });

  test('is locked out by an explicit grant of an IAM role, and let in again when it is taken back', async () => {
    await asMaster(`create role trap login; grant rds_iam to trap; grant trap to ${master.user}`);
    expect(await attempt(master)).toBe(`28000 PAM authentication failed for user "${master.user}"`);
    await cloud.asSuperuser('drop role trap');
    expect(await attempt(master)).toBe(master.user);
  });
});

test('password logins without TLS work when the cluster does not force it, and tokens still do not', async () => {
  await using relaxed = await startTestFront({ forceSsl: false, installation: chosenServer });
  await relaxed.asSuperuser('create role app_iam login; grant rds_iam to app_iam');
  relaxed.tokens.set('app_iam', 'token');
  expect(await logIn(relaxed.config({ ...master, ssl: false }))).toBe(master.user);
  expect(await logIn(relaxed.config({ user: 'app_iam', password: 'token', ssl: false }))).toContain(
    'pg_hba.conf rejects connection',
  );
});

test('the statistics tell tokens from passwords, so that a bypass would show', async () => {
  const before = cloud.front.statistics();
  await attempt({ user: 'app_iam', password: tokenOf('app_iam') });
  await attempt({ user: 'app_iam', password: 'wrong' });
  await attempt({ user: 'plain', password });
  const after = cloud.front.statistics();
  expect({
    connections: after.connections - before.connections,
    verifiedTokens: after.verifiedTokens - before.verifiedTokens,
    refusedTokens: after.refusedTokens - before.refusedTokens,
    passwordLogins: after.passwordLogins - before.passwordLogins,
    app_iam: (after.byUser['app_iam'] ?? 0) - (before.byUser['app_iam'] ?? 0),
    plain: (after.byUser['plain'] ?? 0) - (before.byUser['plain'] ?? 0),
  }).toEqual({
    connections: 3,
    verifiedTokens: 1,
    refusedTokens: 1,
    passwordLogins: 1,
    app_iam: 1,
    plain: 1,
  });
});

test('events say why somebody was refused and never hold a secret', async () => {
  expect(events).toContainEqual(expect.objectContaining({ user: 'absent_role', reason: 'no such role' }));
  expect(events).toContainEqual(
    expect.objectContaining({ user: 'expired', reason: 'the password has expired' }),
  );
  expect(events).toContainEqual(
    expect.objectContaining({ user: 'app_iam', principalArn: 'arn:aws:iam::123456789012:user/app_iam' }),
  );
  const text = JSON.stringify(events);
  for (const secret of [password, master.password, 'token of app_iam', 'SCRAM-SHA-256$'])
    expect(text).not.toContain(secret);
  unsubscribe('postern:local-cloud:front-login', collect);
  unsubscribe('postern:local-cloud:front-refusal', collect);
});
