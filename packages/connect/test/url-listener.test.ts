import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import { pgOptions, pgSocketOptions } from '@postern/rds-auth';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAwsEnvironment } from '../src/environment/aws-environment.ts';
import type { Environment } from '../src/environment/environment.ts';
import {
  openUrlListener,
  type UpstreamOptions,
  type UrlListener,
  type UrlListenerOptions,
} from '../src/url-listener/open-url-listener.ts';

/** Real clients against a real server: on its own socket, and through tunnel, token and verified TLS. */
const cacheDir = fileURLToPath(new URL('../../../.cache/postern', import.meta.url));
const bound = { timeout: 30_000, interval: 50 };
const logins = { app: 'pt_app', reader: 'pt_reader' };
const target = { run: 'run00001', database: 'pt_one', role: 'app', logins };

let cloud: LocalCloud;
let environment: Environment;
let admin: pg.Client;
const ends: (() => Promise<unknown>)[] = [];
const failures: unknown[] = [];

beforeAll(async () => {
  cloud = await startLocalCloud({ cacheDir });
  admin = new pg.Client(cloud.postgres.superuserConfig());
  await admin.connect();
  for (const sql of [
    'CREATE ROLE pt_app LOGIN',
    'CREATE ROLE pt_reader LOGIN',
    'GRANT rds_iam TO pt_app, pt_reader',
    'CREATE DATABASE pt_one',
    'CREATE DATABASE pt_two',
    'ALTER DATABASE pt_one OWNER TO pt_app',
  ])
    await admin.query(sql);
  const { region, endpoint, cluster, document } = cloud;
  environment = createAwsEnvironment({
    name: 'staging',
    root: '/',
    settings: {
      kind: 'aws',
      region,
      cluster: cluster.identifier,
      jumpHost: { tag: { ...cloud.jumpHost.tags } },
      document,
    },
    access: { region, endpoint, credentials: async () => cloud.credentials('ci'), ca: [cluster.caPem] },
  });
}, 120_000);

afterAll(async () => {
  await admin?.end();
  await environment?.close();
  await cloud?.close();
});

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  failures.length = 0;
});

const socketOf = (): string => {
  const { host, port } = cloud.postgres.superuserConfig();
  return `${host}/.s.PGSQL.${port}`;
};

const byTrust: UrlListenerOptions['connect'] = async ({ login, database }) =>
  pgSocketOptions({ path: socketOf(), user: login, database });

const byToken: UrlListenerOptions['connect'] = async ({ login, database }) => {
  const { endpoint, ca } = await environment.resolve();
  return pgOptions({
    endpoint,
    ca,
    user: login,
    database,
    token: () => environment.token(login),
    openStream: () => environment.openStream(),
  });
};

async function listen(over: Partial<UrlListenerOptions> = {}): Promise<UrlListener> {
  const listener = await openUrlListener({
    connect: byTrust,
    onError: (error) => failures.push(error),
    ...over,
  });
  ends.push(() => listener.close());
  return listener;
}

async function open(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  ends.unshift(() => client.end().catch(() => undefined));
  await client.connect();
  return client;
}

const refusalOf = async (connectionString: string): Promise<unknown> =>
  await open(connectionString).then(
    () => 'let in',
    (error: unknown) => {
      const { code, message, severity } = error as pg.DatabaseError;
      return code === undefined ? message : [severity, code, message];
    },
  );

const who = 'SELECT current_user AS me, current_database() AS db';

describe.each([
  ['the socket of the server', byTrust],
  ['tunnel, token and verified TLS', byToken],
] as const)('a URL, behind it %s', (_, way) => {
  it('is all that a client needs', async () => {
    const sessions: number[] = [];
    const listener = await listen({ connect: way, onSessions: (count) => sessions.push(count) });
    const client = await open(listener.url(target));
    expect((await client.query(who)).rows).toEqual([{ me: 'pt_app', db: 'pt_one' }]);
    expect(listener.url(target)).toBe(listener.url({ ...target }));
    expect(listener.counts()).toMatchObject({ open: 1, refused: 0 });
    await client.end();
    await vi.waitFor(() => expect(sessions).toEqual([1, 0]), bound);
  });

  it('carries much in both directions', async () => {
    const listener = await listen({ connect: way });
    const client = await open(listener.url(target));
    const text = 'x'.repeat(2_000_000);
    const { rows } = await client.query('SELECT $1::text AS text, length($1) AS bytes', [text]);
    expect(rows[0].bytes).toBe(text.length);
    expect(rows[0].text === text).toBe(true);
  });

  it('cancels the statement of the session that asks, and no other one', async () => {
    const listener = await listen({ connect: way });
    const [one, two] = await Promise.all([open(listener.url(target)), open(listener.url(target))]);
    const sleeping = [one, two].map((client) =>
      client.query('SELECT pg_sleep(60)').catch((error) => error.code),
    );
    const pids = [one, two].map((client) => (client as unknown as { processID: number }).processID);
    await vi.waitFor(async () => {
      const { rows } = await admin.query(
        `SELECT pid FROM pg_stat_activity WHERE pid = ANY ($1) AND wait_event = 'PgSleep'`,
        [pids],
      );
      expect(rows).toHaveLength(2);
    }, bound);
    await cancel(listener, one);
    expect(await sleeping[0]).toBe('57014');
    const { rows } = await admin.query('SELECT pid FROM pg_stat_activity WHERE wait_event = $1', ['PgSleep']);
    expect(rows).toEqual([{ pid: pids[1] }]);
    await cancel(listener, two);
    expect(await sleeping[1]).toBe('57014');
  });

  it('hands on what the server refuses, as it says it', async () => {
    const listener = await listen({ connect: way });
    await admin.query('ALTER DATABASE pt_one CONNECTION LIMIT 0');
    try {
      expect(await refusalOf(listener.url(target))).toEqual([
        'FATAL',
        '53300',
        'too many connections for database "pt_one"',
      ]);
    } finally {
      await admin.query('ALTER DATABASE pt_one CONNECTION LIMIT -1');
    }
  });

  it('tells the server the parameters of the client', async () => {
    const listener = await listen({ connect: way });
    const client = await open(`${listener.url(target)}?application_name=suite&options=-c%20work_mem%3D77kB`);
    const { rows } = await client.query(
      `SELECT current_setting('application_name') AS name, current_setting('work_mem') AS memory`,
    );
    expect(rows).toEqual([{ name: 'suite', memory: '77kB' }]);
  });
});

interface CopyConnection {
  query(sql: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** COPY in and out; pg leaves its messages to whoever submits such a query. Gives what came out. */
async function copy(client: pg.Client, sql: string, input = ''): Promise<string> {
  return await new Promise((resolve, reject) => {
    const out: Buffer[] = [];
    const query = {
      submit: (connection: CopyConnection) => connection.query(sql),
      handleCopyInResponse: (connection: CopyConnection) => {
        connection.sendCopyFromChunk(Buffer.from(input));
        connection.endCopyFrom();
      },
      handleCopyData: ({ chunk }: { chunk: Buffer }) => out.push(Buffer.from(chunk)), // pg uses the memory again
      handleCommandComplete: () => undefined,
      handleError: reject,
      handleReadyForQuery: () => resolve(Buffer.concat(out).toString()),
    };
    client.query(query as unknown as pg.Submittable);
  });
}

/** Whether or not the client calls it an error. */
const endOf = (client: pg.Client): Promise<void> =>
  new Promise((resolve) => client.once('end', () => resolve()));

it('begins with TLS where the server is known to let one', async () => {
  const before = cloud.statistics().front.verifiedTokens;
  const listener = await listen({
    connect: async (session) => ({ ...(await byToken(session)), sslnegotiation: 'direct' }),
  });
  const client = await open(listener.url(target));
  expect((await client.query(who)).rows).toEqual([{ me: 'pt_app', db: 'pt_one' }]);
  expect(cloud.statistics().front.verifiedTokens).toBe(before + 1);
});

const sleepers = async (): Promise<number> =>
  (await admin.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)).rows.length;

/** As libpq does: a connection of its own, with the key of the session. */
async function cancel(listener: UrlListener, client: pg.Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const packet = Buffer.alloc(16);
  for (const [index, word] of [16, 80877102, processID, secretKey].entries())
    packet.writeInt32BE(word, index * 4);
  const socket = connect(listener.port, '127.0.0.1');
  socket.end(packet);
  socket.resume();
  await once(socket, 'close');
}

describe('a session by URL', () => {
  it('is one of fifty at once', async () => {
    const listener = await listen();
    const pool = new pg.Pool({ connectionString: listener.url(target), max: 50 });
    ends.unshift(() => pool.end());
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const client = await pool.connect();
        const { rows } = await client.query('SELECT $1::int AS n, pg_backend_pid() AS pid', [n]);
        return { client, ...rows[0] };
      }),
    );
    expect(answers.map(({ n }) => n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(new Set(answers.map(({ pid }) => pid)).size).toBe(50);
    for (const { client } of answers) client.release();
  });

  it('copies in and out, and hears notifications', async () => {
    const listener = await listen();
    const [client, other] = await Promise.all([open(listener.url(target)), open(listener.url(target))]);
    await client.query('CREATE TABLE IF NOT EXISTS copied (n int); TRUNCATE copied');
    const lines = Array.from({ length: 10_000 }, (_, n) => `${n}\n`).join('');
    await copy(client, 'COPY copied FROM STDIN', lines);
    expect((await client.query('SELECT count(*)::int, sum(n)::int FROM copied')).rows).toEqual([
      { count: 10_000, sum: 49_995_000 },
    ]);

    expect(await copy(client, 'COPY copied TO STDOUT')).toBe(lines);

    await client.query('LISTEN news');
    const heard = once(client, 'notification');
    await other.query(`NOTIFY news, 'here'`);
    expect((await heard)[0]).toMatchObject({ channel: 'news', payload: 'here' });
  });

  it('ends when the server ends it, and the client learns why', async () => {
    const listener = await listen();
    const client = await open(listener.url(target));
    const [{ pid }] = (await client.query('SELECT pg_backend_pid() AS pid')).rows;
    const ended = once(client, 'error');
    await admin.query('SELECT pg_terminate_backend($1)', [pid]);
    expect((await ended)[0]).toMatchObject({ code: '57P01' });
  });

  it('ends at the server when the client is gone', async () => {
    const listener = await listen();
    const client = await open(listener.url(target));
    const [{ pid }] = (await client.query('SELECT pg_backend_pid() AS pid')).rows;
    (client as unknown as { connection: { stream: Socket } }).connection.stream.resetAndDestroy();
    await vi.waitFor(async () => {
      const { rows } = await admin.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
      expect(rows).toEqual([]);
    }, bound);
  });

  it('answers a client that has stopped speaking, and ends then', async () => {
    const listener = await listen();
    const client = await open(listener.url(target));
    const ended = endOf(client);
    const query = client.query('SELECT repeat($1, 1000000) AS text', ['x']);
    (client as unknown as { connection: { stream: Socket } }).connection.stream.end();
    expect((await query).rows[0].text).toHaveLength(1_000_000);
    await ended;
    await vi.waitFor(() => expect(listener.counts().open).toBe(0), bound);
  });

  it('ends with its run, whose password then opens nothing', async () => {
    const listener = await listen();
    const url = listener.url(target);
    const other = { ...target, run: 'run00002', database: 'pt_two' };
    const [client, bystander] = await Promise.all([open(url), open(listener.url(other))]);
    listener.endRun(target.run);
    await expect(client.query(who)).rejects.toMatchObject({ code: '57P01' });
    expect(await refusalOf(url)).toEqual(['FATAL', '28P01', 'password authentication failed for user "app"']);
    expect((await bystander.query(who)).rows).toEqual([{ me: 'pt_app', db: 'pt_two' }]);
    expect(listener.url(target)).not.toBe(url);
  });

  it('ends at the server when its database goes to another file, and only the next URL opens that', async () => {
    const listener = await listen();
    const url = listener.url(target);
    const [client, quiet, busy] = await Promise.all([open(url), open(url), open(url)]);
    const heard: unknown[] = [];
    for (const each of [client, quiet])
      each.on('error', (error) => heard.push(error)).on('end', () => heard.push('end'));
    const sleeping = expect(busy.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57P01' });
    await vi.waitFor(async () => expect(await sleepers()).toBe(1), bound);
    listener.withdraw(target.database);
    await sleeping;
    await vi.waitFor(async () => {
      // The busy one does not look at its socket; a reset ends it.
      const { rows } = await admin.query(
        `SELECT count(*)::int AS n, count(pg_terminate_backend(pid)) FILTER (WHERE wait_event = 'PgSleep')
         FROM pg_stat_activity WHERE datname = $1`,
        ['pt_one'],
      );
      expect(rows).toMatchObject([{ n: 0 }]);
    }, bound);
    expect(listener.counts().open).toBe(0);
    expect(heard).toEqual([]);
    await expect(client.query(who)).rejects.toMatchObject({
      code: '57P01',
      message: 'terminating connection: test database "pt_one" was given back',
    });
    await quiet.end();
    expect(heard.filter((each) => each !== 'end')).toHaveLength(1);
    expect(await refusalOf(url)).toEqual(['FATAL', '3D000', 'database "pt_one" does not exist']);
    // A server that the former file has left running goes on trying.
    const next = listener.url(target);
    expect(await refusalOf(url)).toEqual(['FATAL', '28P01', 'password authentication failed for user "app"']);
    await expect(open(next)).resolves.toBeDefined();
  });

  it('by an alias goes on where that leads next, unless it was in a transaction', async () => {
    const listener = await listen();
    const url = listener.aliasUrl({ run: target.run, alias: 'shop_test', user: 'app', logins });
    expect(await refusalOf(url)).toMatchObject(['FATAL', '3D000', /no test has a database yet/]);
    listener.lead('shop_test', { database: 'pt_one', role: 'app' });
    const [client, open_] = await Promise.all([open(url), open(url)]);
    expect((await client.query(who)).rows).toEqual([{ me: 'pt_app', db: 'pt_one' }]);
    await open_.query('BEGIN');
    expect(listener.lead('shop_test', { database: 'pt_two', role: 'reader' })).toBe(2);
    expect((await client.query(who)).rows).toEqual([{ me: 'pt_reader', db: 'pt_two' }]);
    await expect(open_.query('COMMIT')).rejects.toMatchObject({ code: '57P01' });
    // By the key that it was given at its first login.
    const sleeping = expect(client.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
    await vi.waitFor(async () => expect(await sleepers()).toBe(1), bound);
    await cancel(listener, client);
    await sleeping;
    const other = Object.assign(new URL(url), { username: 'reader' }).href;
    expect((await (await open(other)).query(who)).rows).toEqual([{ me: 'pt_reader', db: 'pt_two' }]);
    listener.withdraw('pt_two');
    await expect(client.query(who)).rejects.toMatchObject({
      code: '3D000',
      message: 'this URL leads to no test database: test database "pt_two" was given back',
    });
    listener.dropAlias('shop_test');
    expect(await refusalOf(url)).toEqual(['FATAL', '28P01', 'password authentication failed for user "app"']);
  });

  it('ends with the listener, and nothing keeps it from closing', async () => {
    const listener = await listen();
    const client = await open(listener.url(target));
    const half = connect(listener.port, '127.0.0.1');
    await once(half, 'connect');
    const ended = [endOf(client), once(half, 'close')];
    half.resume();
    await listener.close();
    await Promise.all(ended);
    await listener.closed;
  });
});

describe('nobody gets in', () => {
  it('with a wrong password, as an unknown role, into another database', async () => {
    const listener = await listen();
    const url = new URL(listener.url(target));
    const other = new URL(
      listener.url({ ...target, run: 'run00002', database: 'pt_two', logins: { app: 'pt_app' } }),
    );
    const failed = (user: string) => ['FATAL', '28P01', `password authentication failed for user "${user}"`];
    const variant = (over: { username?: string; password?: string; pathname?: string }): string =>
      Object.assign(new URL(url), over).href;
    expect(await refusalOf(variant({ password: 'wrong' }))).toEqual(failed('app'));
    expect(await refusalOf(variant({ username: 'postgres' }))).toEqual(failed('postgres'));
    expect(await refusalOf(variant({ username: 'pt_app' }))).toEqual(failed('pt_app'));
    expect(await refusalOf(variant({ username: 'constructor' }))).toEqual(failed('constructor'));
    expect(await refusalOf(variant({ password: other.password }))).toEqual([
      'FATAL',
      '3D000',
      'database "pt_one" does not exist',
    ]);
    expect(await refusalOf(variant({ pathname: '/postgres' }))).toEqual([
      'FATAL',
      '3D000',
      'database "postgres" does not exist',
    ]);
    expect(await refusalOf(Object.assign(new URL(other), { username: 'reader' }).href)).toEqual(
      failed('reader'),
    );
    expect(await refusalOf(variant({}))).toBe('let in');
    expect(listener.counts()).toMatchObject({ refused: 7 });
    expect(failures).toEqual([]);
  });

  it('and nobody learns which roles there are: the messages are the same ones', async () => {
    const listener = await listen();
    const messagesFor = async (over: { username?: string; password?: string }): Promise<string> => {
      const socket = new Socket();
      const heard: Buffer[] = [];
      socket.on('data', (chunk) => heard.push(chunk));
      const { href } = Object.assign(new URL(listener.url(target)), over);
      const client = new pg.Client({ connectionString: href, stream: () => socket });
      client.on('error', () => undefined);
      await client.connect().catch(() => undefined);
      await client.end();
      // Types and lengths; what is random (nonces) has the same length each time.
      const bytes = Buffer.concat(heard);
      let shape = '';
      for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1))
        shape += `${String.fromCharCode(bytes[at] as number)}${bytes.readInt32BE(at + 1)} `;
      return shape;
    };
    const wrong = await messagesFor({ password: 'wrong' });
    expect(wrong).toMatch(/^R\d+ R\d+ E\d+ $/);
    expect(await messagesFor({ username: 'opp' })).toBe(wrong);
    expect(await messagesFor({ username: 'opp', password: 'wrong' })).toBe(wrong);
  });

  it('whose role is not declared: there is no such URL', async () => {
    const listener = await listen();
    expect(() => listener.url({ ...target, role: 'postgres' })).toThrow(
      expect.objectContaining({
        code: 'CONNECT_ROLE_UNKNOWN',
        message: 'There is no role "postgres" in this database; it declares app, reader.',
      }),
    );
  });

  it('while the way to the server is closed, and is told so without a secret', async () => {
    const broken = Object.assign(new Error('the tunnel is down'), { hint: 'Check the network.' });
    const rejecting = await listen({ connect: () => Promise.reject(broken) });
    expect(await refusalOf(rejecting.url(target))).toEqual([
      'FATAL',
      '08006',
      'the database could not be reached: the tunnel is down',
    ]);
    const nowhere = await listen({
      connect: async ({ login, database }) =>
        pgSocketOptions({ path: '/nonexistent/socket', user: login, database }),
    });
    expect(await refusalOf(nowhere.url(target))).toMatchObject(['FATAL', '08006', /ENOENT/]);
    expect(failures).toHaveLength(2);
    expect(JSON.stringify(failures)).not.toContain(new URL(nowhere.url(target)).password);
  });

  it('by a token that somebody without TLS asks for, or that nobody verified', async () => {
    const over =
      (more: Partial<UpstreamOptions>) => async (session: { login: string; database: string }) => ({
        ...(await byToken(session)),
        ...more,
      });
    const { ssl } = await byToken({ login: 'pt_app', database: 'pt_one' });
    if (ssl === false) throw new Error('this way has TLS');
    const stranger = await listen({ connect: over({ ssl: { ...ssl, ca: [] } }) });
    expect(await refusalOf(stranger.url(target))).toMatchObject(['FATAL', '08006', /certificate/]);
    const plain = await listen({ connect: over({ ssl: false }) });
    expect(await refusalOf(plain.url(target))).toMatchObject(['FATAL', '28000', /no encryption/]);
    expect(JSON.stringify(failures)).not.toContain('X-Amz');
  });

  it('who is slow, or speaks something else', async () => {
    const [listener, impatient] = [await listen(), await listen({ handshakeTimeoutMs: 300 })];
    const talk = ({ port }: UrlListener, bytes: (string | number[])[]) => {
      const socket = connect(port, '127.0.0.1');
      ends.unshift(async () => socket.destroy());
      const heard: Buffer[] = [];
      socket.on('data', (chunk) => heard.push(chunk)).on('error', () => undefined);
      for (const part of bytes) socket.write(typeof part === 'string' ? part : Buffer.from(part));
      const ended = once(socket, 'close').then(() => Buffer.concat(heard).toString('latin1'));
      return { socket, ended };
    };
    const ended = async (...bytes: (string | number[])[]): Promise<string> =>
      await talk(listener, bytes).ended;
    /** Stops speaking where the listener waits for more. */
    const answer = async (...bytes: (string | number[])[]): Promise<string> => {
      const talking = talk(listener, bytes);
      talking.socket.end();
      return await talking.ended;
    };
    expect(await talk(impatient, []).ended).toBe('');
    expect(await ended('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')).toBe('');
    expect(await ended([0, 0, 0, 7])).toBe('');
    expect(await ended([0, 0, 0x27, 0x11, 0, 3, 0, 0])).toBe('');
    expect(await ended([0x16, 3, 1, 2, 0])).toBe('');
    expect(await ended([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])).toBe('N');
    expect(await ended([0, 0, 0, 8, 0, 2, 0, 0])).toContain('unsupported frontend protocol 2.0');
    expect(await ended([0, 0, 0, 9, 0, 3, 0, 0, 1])).toContain('invalid startup packet layout');
    expect(await ended([0, 0, 0, 9, 0, 3, 0, 0, 0])).toContain('no PostgreSQL user name');
    expect(await answer([0, 0, 0, 16, 0, 3, 0, 0], 'user\0a\0', [0])).toMatch(/^R.*SCRAM-SHA-256/s);
    // libpq 18 may ask for protocol 3.2, with options that nobody knows yet.
    const newer = await answer([0, 0, 0, 25, 0, 3, 0, 2], 'user\0a\0_pq_.x\0y\0', [0]);
    expect(newer).toMatch(/^v.*_pq_\.x\0R.*SCRAM-SHA-256/s);
    const client = await open(listener.url(target));
    expect((await client.query(who)).rows).toHaveLength(1);
  });

  it('through the listener of somebody else: keys of other sessions are not handed on', async () => {
    const [listener, other] = [await listen(), await listen()];
    const client = await open(listener.url(target));
    const query = client.query('SELECT pg_sleep(0.3), 1 AS one');
    await cancel(other, client);
    expect((await query).rows[0].one).toBe(1);
  });
});
