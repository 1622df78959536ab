import { describe, expect, test } from 'vitest';
import { type ConnectionOptions, createConnector, type OpenSession } from './connection.ts';

const session = { query: () => Promise.resolve({ rows: [] }), end: () => Promise.resolve() };
const refused = (code: string, message: string): Error => Object.assign(new Error(message), { code });

function connector(passwords: string[], accept: (password: string) => Error | undefined) {
  const reads: string[] = [];
  const options: ConnectionOptions = {
    host: 'db.test',
    port: 5432,
    ca: '',
    readSecret: () => {
      const password = passwords[Math.min(reads.length, passwords.length - 1)] ?? '';
      reads.push(password);
      return Promise.resolve({ username: 'master', password });
    },
    remainingMs: () => 60_000,
    signToken: (user) => Promise.resolve(`token of ${user}`),
  };
  const open: OpenSession = async (_options, { secret }) => {
    const error = accept(secret.password);
    if (error) throw error;
    return session;
  };
  return { connect: createConnector(options, open), reads };
}

describe('a migrator', () => {
  test('logs in by a token of its own, and the master secret is not read for it', async () => {
    const passwords: string[] = [];
    const { connect, reads } = connector(['right'], (password) => {
      passwords.push(password);
      return undefined;
    });
    await connect('shop', { role: 'shop_owner', login: 'shop_migrator' });
    expect({ passwords, reads }).toEqual({ passwords: ['token of shop_migrator'], reads: [] });
  });

  test('that is refused is told everything that IAM does not say, once, without the token', async () => {
    const { connect } = connector(['right'], () =>
      refused('28000', 'PAM authentication failed for user "shop_migrator"'),
    );
    const error = await connect('shop', { role: 'shop_owner', login: 'shop_migrator' }).catch(
      (thrown: unknown) => thrown as Error & { hint: string },
    );
    expect(error).toMatchObject({
      code: 'BOOTSTRAP_LOGIN_REFUSED',
      hint: expect.stringMatching(/applied.*rds-db:connect.*shop_migrator.*POSTERN_MIGRATE_AS=master/s),
    });
    expect(JSON.stringify(error)).not.toContain('token of');
  });
});

describe('the master secret', () => {
  test('is read once for all sessions of an invocation', async () => {
    const { connect, reads } = connector(['right'], () => undefined);
    await Promise.all([connect('a'), connect('b'), connect('c')]);
    expect(reads).toEqual(['right']);
  });

  test('is read again when it was rotated between reading and logging in', async () => {
    const old = refused('28P01', 'password authentication failed for user "master"');
    const { connect, reads } = connector(['old', 'new'], (password) =>
      password === 'old' ? old : undefined,
    );
    await expect(connect('a')).resolves.toBe(session);
    await expect(connect('b')).resolves.toBe(session);
    expect(reads).toEqual(['old', 'new']);
  });

  test('is not read for ever, and its password is in no error', async () => {
    const { connect, reads } = connector(['s3cret'], () =>
      refused('28P01', 'password authentication failed for user "master"'),
    );
    const error = await connect('a').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BOOTSTRAP_LOGIN_REFUSED', kind: 'denied' });
    expect(reads).toHaveLength(2);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('s3cret');
  });
});

describe('what refuses a connection is told by its cause', () => {
  test.each([
    ['28000', 'PAM authentication failed for user "master"', 'BOOTSTRAP_LOGIN_REFUSED', 'rds_iam'],
    [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'self-signed certificate in certificate chain',
      'BOOTSTRAP_TLS_UNTRUSTED',
      'POSTERN_DB_CA',
    ],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'unable to verify the first certificate',
      'BOOTSTRAP_TLS_UNTRUSTED',
      'POSTERN_DB_CA',
    ],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      "Hostname/IP does not match certificate's altnames",
      'BOOTSTRAP_TLS_UNTRUSTED',
      'POSTERN_DB_HOST',
    ],
    ['ENOTFOUND', 'getaddrinfo ENOTFOUND db.test', 'BOOTSTRAP_DATABASE_UNREACHABLE', 'POSTERN_DB_HOST'],
    ['53300', 'remaining connection slots are reserved', 'BOOTSTRAP_DATABASE_UNREACHABLE', 'security group'],
    ['', 'timeout expired', 'BOOTSTRAP_DATABASE_UNREACHABLE', 'security group'],
  ])('%s', async (code, message, expected, hint) => {
    const { connect } = connector(['x'], () => (code ? refused(code, message) : new Error(message)));
    await expect(connect('a')).rejects.toMatchObject({ code: expected, hint: expect.stringContaining(hint) });
  });

  test('a missing database stays the error of PostgreSQL, for those who ask whether it exists', async () => {
    const { connect } = connector(['x'], () => refused('3D000', 'database "a" does not exist'));
    await expect(connect('a')).rejects.toMatchObject({ code: '3D000' });
  });
});
