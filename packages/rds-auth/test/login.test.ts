import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  createTokenSource,
  explainConnectionError,
  loadCaBundle,
  type PgOptionsInit,
  pgOptions,
  type RdsAuthError,
} from '../src/index.ts';

const cacheDir = fileURLToPath(new URL('../../../.cache/postern', import.meta.url));
let cloud: LocalCloud;
let admin: pg.Client;

/** A role that may use a token, one that may not, one that no policy names. */
const roles = ['app_user', 'plain_user', 'other_user'];

beforeAll(async () => {
  cloud = await startLocalCloud({ cacheDir });
  admin = new pg.Client(cloud.postgres.superuserConfig());
  await admin.connect();
  for (const role of roles) await admin.query(`CREATE ROLE ${role} LOGIN`);
  await admin.query('GRANT rds_iam TO app_user, other_user');
  cloud.iam.createUser('app', { policies: { connect: connectPolicy(cloud.cluster.resourceId, 'app_user') } });
}, 120_000);

afterAll(async () => {
  await admin?.end();
  await cloud?.close();
});

const connectPolicy = (resourceId: string, user: string) => ({
  Version: '2012-10-17' as const,
  Statement: [
    {
      Effect: 'Allow' as const,
      Action: 'rds-db:connect',
      Resource: `arn:aws:rds-db:eu-west-2:123456789012:dbuser:${resourceId}/${user}`,
    },
  ],
});

const endpoint = () => ({ host: cloud.cluster.endpoint, port: cloud.cluster.port });

const tokenFor = (username: string, principal = 'app', over: { hostname?: string; port?: number } = {}) => {
  const source = createTokenSource({
    hostname: cloud.cluster.endpoint,
    port: cloud.cluster.port,
    username,
    region: 'eu-west-2',
    credentials: cloud.credentials(principal),
    ...over,
  });
  return () => source.token();
};

const optionsFor = (over: Partial<PgOptionsInit> = {}) =>
  pgOptions({
    endpoint: endpoint(),
    user: 'app_user',
    database: 'postgres',
    token: tokenFor(over.user ?? 'app_user'),
    ca: cloud.cluster.caPem,
    ...(over.openStream === undefined ? { address: { host: '127.0.0.1', port: cloud.cluster.port } } : {}),
    ...over,
  });

/** Logs in, or gives the explained error. */
async function login(over: Partial<PgOptionsInit> = {}): Promise<Record<string, unknown> | RdsAuthError> {
  const client = new pg.Client(optionsFor(over));
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query(
      'SELECT current_user, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls',
    );
    return rows[0] as Record<string, unknown>;
  } catch (error) {
    return explainConnectionError(error, {
      endpoint: endpoint(),
      user: over.user ?? 'app_user',
      region: 'eu-west-2',
      accountId: cloud.accountId,
      resourceId: cloud.cluster.resourceId,
    }) as RdsAuthError;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const openConnections = async (): Promise<number> =>
  (await admin.query(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = ANY($1)`, [roles]))
    .rows[0].n;

describe('a login with a token', () => {
  it.each([false, true])('works through verified TLS, over a real socket (direct: %s)', async (directTls) => {
    expect(await login({ directTls })).toMatchObject({ current_user: 'app_user' });
  });

  it('works over any Duplex, TLS inside', async () => {
    const openStream = async (): Promise<Duplex> => {
      const socket = connect(cloud.cluster.port, '127.0.0.1');
      // A stream that is no socket, as a tunnel's is.
      return Duplex.from({ readable: socket, writable: socket });
    };
    for (const directTls of [false, true]) {
      expect(await login({ openStream, directTls })).toMatchObject({ current_user: 'app_user' });
    }
  });

  it('asks for a token once for each connection of a pool, and the pool ends', async () => {
    const token = vi.fn(tokenFor('app_user'));
    const pool = new pg.Pool({ ...optionsFor({ token }), max: 4 });
    const before = cloud.statistics().front.verifiedTokens;
    await Promise.all(Array.from({ length: 8 }, () => pool.query('SELECT pg_sleep(0.02)')));
    await pool.end();
    expect(cloud.statistics().front.verifiedTokens - before).toBe(4);
    expect(token).toHaveBeenCalledTimes(4);
    await vi.waitFor(async () => expect(await openConnections()).toBe(0), 20_000);
  });

  it('offers the curve of older servers first, which saves a round trip', () => {
    expect(optionsFor().ssl.ecdhCurve.split(':')[0]).toBe('P-256');
  });

  it('carries a large result and a large parameter unharmed', async () => {
    const openStream = (): Duplex => {
      const socket = connect(cloud.cluster.port, '127.0.0.1');
      return Duplex.from({ readable: socket, writable: socket });
    };
    const client = new pg.Client(optionsFor({ openStream }));
    await client.connect();
    const text = 'x'.repeat(3_000_000);
    const { rows } = await client.query('SELECT $1::text AS text, md5($1) AS sum', [text]);
    await client.end();
    expect(rows[0].text === text).toBe(true);
  });
});

describe('verification', () => {
  it('refuses a server whose certificate another CA signed', async () => {
    const { ca } = loadCaBundle({ region: 'eu-west-2' });
    for (const directTls of [false, true]) {
      expect(await login({ ca, directTls })).toMatchObject({ code: 'RDS_TLS_UNTRUSTED', kind: 'denied' });
    }
  });

  it('refuses a certificate for another name', async () => {
    const host = 'other.cluster-c0postern0ab.eu-west-2.rds.amazonaws.com';
    for (const directTls of [false, true]) {
      const failure = await login({ endpoint: { host, port: cloud.cluster.port }, directTls });
      expect(failure).toMatchObject({ code: 'RDS_TLS_NAME_MISMATCH', kind: 'invalid' });
    }
  });

  it('cannot be switched off, not even by the environment', async () => {
    const { ssl } = optionsFor();
    expect(ssl.rejectUnauthorized).toBe(true);
    expect(Object.isFrozen(ssl)).toBe(true);
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      const { ca } = loadCaBundle({ region: 'eu-west-2' });
      expect(await login({ ca })).toMatchObject({ code: 'RDS_TLS_UNTRUSTED' });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('sends no token to a server that it does not trust', async () => {
    const before = cloud.statistics().front;
    await login({ ca: loadCaBundle({ region: 'eu-west-2' }).ca });
    const after = cloud.statistics().front;
    expect(after.verifiedTokens + after.refusedTokens).toBe(before.verifiedTokens + before.refusedTokens);
  });
});

describe('a refusal is explained', () => {
  it('when the token has expired', async () => {
    const fresh = await tokenFor('app_user')();
    const real = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: real - 16 * 60_000 });
    const old = await tokenFor('app_user')();
    vi.useRealTimers();
    expect(await login({ token: async () => old })).toMatchObject({ code: 'RDS_TOKEN_REFUSED' });
    expect(await login({ token: async () => fresh })).toMatchObject({ current_user: 'app_user' });
  });

  it('when it was made for another role', async () => {
    expect(await login({ token: tokenFor('other_user') })).toMatchObject({ code: 'RDS_TOKEN_REFUSED' });
  });

  it('when it was signed for the address of a tunnel instead of the endpoint', async () => {
    const token = tokenFor('app_user', 'app', { port: 15_432 });
    expect(await login({ token })).toMatchObject({ code: 'RDS_TOKEN_REFUSED' });
  });

  it('when the role is not in rds_iam, or does not exist', async () => {
    expect(await login({ user: 'plain_user' })).toMatchObject({ code: 'RDS_LOGIN_REFUSED', kind: 'denied' });
    expect(await login({ user: 'nobody' })).toMatchObject({ code: 'RDS_LOGIN_REFUSED' });
  });

  it('when no policy allows rds-db:connect, naming the resource that one must allow', async () => {
    const failure = (await login({ user: 'other_user' })) as RdsAuthError;
    expect(failure.code).toBe('RDS_TOKEN_REFUSED');
    expect(failure.hint).toContain(`dbuser:${cloud.cluster.resourceId}/other_user`);
  });

  it('when the policy names the cluster identifier instead of the resource id', async () => {
    const policy = connectPolicy(cloud.cluster.identifier, 'other_user');
    cloud.iam.createUser('mistaken', { policies: { connect: policy } });
    const token = tokenFor('other_user', 'mistaken');
    expect(await login({ user: 'other_user', token })).toMatchObject({ code: 'RDS_TOKEN_REFUSED' });
    cloud.iam.putPolicy('mistaken', 'connect', connectPolicy(cloud.cluster.resourceId, 'other_user'));
    expect(await login({ user: 'other_user', token })).toMatchObject({ current_user: 'other_user' });
  });

  it('when the database does not exist', async () => {
    expect(await login({ database: 'nowhere' })).toMatchObject({ code: 'RDS_DATABASE_NOT_FOUND' });
  });

  it('when nothing listens', async () => {
    const failure = await login({ address: { path: join(tmpdir(), 'no-such.sock') } });
    expect(failure).toMatchObject({ code: 'RDS_UNREACHABLE' });
  });
});

describe('a failure leaves nothing open', () => {
  const ways: Array<[string, Partial<PgOptionsInit>]> = [
    ['a real socket', {}],
    ['a Duplex', { openStream: () => Duplex.from(connect(cloud.cluster.port, '127.0.0.1')) }],
  ];

  it.each(ways)('when signing fails, over %s: the server never hears of it', async (_, way) => {
    const before = cloud.statistics().front.connections;
    const token = () =>
      Promise.reject(Object.assign(new Error('no credentials'), { code: 'RDS_TOKEN_FAILED' }));
    const options = optionsFor({ token, ...way });
    const streams: Duplex[] = [];
    const stream = (): Duplex => {
      const created = options.stream();
      streams.push(created);
      return created;
    };
    const pool = new pg.Pool({ ...options, stream });
    await expect(pool.connect()).rejects.toMatchObject({ code: 'RDS_TOKEN_FAILED' });
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true]);
    await pool.end();
    expect(cloud.statistics().front.connections).toBe(before);
  });

  it('when the way cannot be opened: the error is typed and keeps the cause and its next step', async () => {
    const cause = Object.assign(new Error('the jump host is offline'), { hint: 'Start it.' });
    const openStream = async (): Promise<Duplex> => {
      throw cause;
    };
    const failure = await login({ openStream });
    expect(failure).toMatchObject({ code: 'RDS_STREAM_FAILED', cause, hint: 'Start it.' });
  });

  it('when the way opens after the client has given up', async () => {
    let opened: Duplex | undefined;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const openStream = async (): Promise<Duplex> => {
      await gate;
      opened = connect(cloud.cluster.port, '127.0.0.1');
      return opened;
    };
    expect(await login({ openStream, connectTimeoutMs: 50 })).toMatchObject({ code: 'RDS_CONNECT_TIMEOUT' });
    release();
    await vi.waitFor(() => expect(opened?.destroyed).toBe(true), 20_000);
  });
});

describe('the options', () => {
  it('name everything that is missing, and never hold the token where it can be printed', async () => {
    expect(() => pgOptions({} as PgOptionsInit)).toThrow(/endpoint\.host.*user.*database.*token.*ca/);
    const options = optionsFor();
    const token = await options.password();
    expect(JSON.stringify(options)).not.toContain(token);
  });

  it('ask for another token when the server wants it late, and keep the first when there is none', async () => {
    const tokens = ['first', 'second'];
    const options = optionsFor({
      token: async () => {
        const token = tokens.shift();
        if (token === undefined) throw new Error('the identity provider went away');
        return token;
      },
    });
    const now = vi.spyOn(performance, 'now');
    try {
      now.mockReturnValue(0);
      expect(await options.password()).toBe('first');
      expect(await options.password()).toBe('first');
      now.mockReturnValue(60_000);
      expect(await options.password()).toBe('second');
      now.mockReturnValue(120_000);
      expect(await options.password()).toBe('second');
    } finally {
      now.mockRestore();
    }
  });

  it('have a time limit that lets a paused cluster wake up', () => {
    expect(optionsFor().connectionTimeoutMillis).toBeGreaterThanOrEqual(30_000);
  });
});
