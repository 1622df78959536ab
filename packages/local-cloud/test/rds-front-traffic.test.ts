import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { copyIn, copyOut } from './fixtures/copy.ts';
import { int32, packet, RawClient, startup } from './fixtures/raw-client.ts';
import { endpoint, logIn, patience, startTestFront, type TestFront } from './fixtures/test-front.ts';

let cloud: TestFront;
const token = 'the-right-token';

beforeAll(async () => {
  cloud = await startTestFront();
  await cloud.asSuperuser(`
    create role app login; grant rds_iam to app;
    grant create on schema public to app;
  `);
  cloud.tokens.set('app', token);
});

afterAll(() => cloud.close());

const app = { user: 'app', password: token };

test('a COPY of megabytes arrives byte by byte, both ways', async () => {
  const client = new pg.Client(cloud.config(app));
  await client.connect();
  const lines = Array.from(
    { length: 60_000 },
    (_, line) => `${line}\t${randomBytes(45).toString('base64')}\n`,
  );
  const data = Buffer.from(lines.join(''));
  const chunks = Array.from({ length: Math.ceil(data.length / 65_000) }, (_, index) =>
    data.subarray(index * 65_000, (index + 1) * 65_000),
  );
  await client.query('create table copied (id int, text text)');
  await copyIn(client, 'copy copied from stdin', chunks);
  const back = await copyOut(client, 'copy (select * from copied order by id) to stdout');
  await client.end();
  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  expect(data.length).toBeGreaterThan(3_500_000);
  expect({ length: back.length, hash: hash(back) }).toEqual({ length: data.length, hash: hash(data) });
});

test('a client that stops reading stops the server, and misses nothing when it reads on', async () => {
  const client = await RawClient.openTls(cloud.front.port, {
    ca: cloud.caPem,
    servername: endpoint,
    ALPNProtocols: ['postgresql'],
  });
  client.send(
    startup({ user: 'app', database: 'postgres', application_name: 'slow' }),
    packet('p', `${token}\0`),
  );
  await client.messagesUntil('Z');
  client.socket.removeAllListeners('data');
  client.socket.pause();
  const rows = 50_000;
  client.send(packet('Q', `copy (select repeat('x', 1000) from generate_series(1, ${rows})) to stdout\0`));
  await vi.waitFor(async () => {
    const { rows: waiting } = await cloud.asSuperuser(
      "select 1 from pg_stat_activity where application_name = 'slow' and wait_event = 'ClientWrite'",
    );
    expect(waiting).toHaveLength(1);
  }, patience);
  const end = Buffer.from('COPY 50000\0');
  let received = 0;
  let last = Buffer.alloc(0);
  for await (const chunk of client.socket) {
    received += chunk.length;
    last = Buffer.concat([last, chunk]).subarray(-64);
    if (last.includes(end)) break;
  }
  // CopyOutResponse, a CopyData of 1,001 bytes for each row, CopyDone, CommandComplete, ReadyForQuery
  expect(received).toBe(5 + 5 + rows * (5 + 1001) + 5 + (5 + end.length) + 6);
});

test('50 at a time: every one gets its own session and its own answers', async () => {
  const before = cloud.front.statistics();
  const names = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const client = new pg.Client(cloud.config({ ...app, application_name: `client ${index}` }));
      await client.connect();
      const { rows } = await client.query(
        'select application_name as name from pg_stat_activity where pid = pg_backend_pid()',
      );
      await client.end();
      return rows[0].name;
    }),
  );
  expect(names).toEqual(Array.from({ length: 50 }, (_, index) => `client ${index}`));
  expect(cloud.front.statistics().verifiedTokens - before.verifiedTokens).toBe(50);
});

test('too many connections are refused by the server itself, and the front keeps working', async () => {
  await using small = await startTestFront({
    settings: { max_connections: 6, superuser_reserved_connections: 4 },
  });
  await small.asSuperuser('create role app login; grant rds_iam to app');
  small.tokens.set('app', token);
  const open: pg.Client[] = [];
  let refusal = '';
  while (!refusal && open.length < 10) {
    const client = new pg.Client(small.config(app));
    client.on('error', () => {});
    await client.connect().then(
      () => open.push(client),
      (error) => {
        refusal = `${error.code} ${error.message}`;
      },
    );
  }
  expect(refusal).toMatch(/^53300 remaining connection slots are reserved for roles with/);
  await Promise.all(open.map((client) => client.end()));
  await vi.waitFor(async () => expect(await logIn(small.config(app))).toBe('app'), patience);
});

test('a server that stops tells its clients why, and later ones that it takes no connections', async () => {
  const stopping = await startTestFront();
  await stopping.asSuperuser('create role app login; grant rds_iam to app');
  stopping.tokens.set('app', token);
  const client = new pg.Client(stopping.config(app));
  const told = new Promise<string | undefined>((fulfil) =>
    client.once('error', (error: Error & { code?: string }) => fulfil(error.code)),
  );
  client.on('error', () => {}); // then the connection ends, too
  await client.connect();
  await stopping.server.stop();
  expect(await told).toBe('57P01');
  expect(await logIn(stopping.config(app))).toBe('57P03 the database system is shutting down');
  await stopping.close();
});

test('closing the front ends every session, twice is once', async () => {
  const closing = await startTestFront();
  await closing.asSuperuser('create role app login; grant rds_iam to app');
  closing.tokens.set('app', token);
  const client = new pg.Client(closing.config(app));
  const ended = new Promise((fulfil) => client.once('end', fulfil));
  client.on('error', () => {});
  await client.connect();
  const idle = await RawClient.open(closing.front.port);
  const first = closing.front.close();
  expect(closing.front.close()).toBe(first);
  await first;
  await ended;
  await idle.rest();
  await closing.front.closed;
  await vi.waitFor(async () => {
    const { rows } = await closing.asSuperuser(
      "select usename from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    );
    expect(rows).toEqual([]);
  }, patience);
  await closing.close();
});

test('a cancel request with a wrong key stops nothing', async () => {
  const client = new pg.Client(cloud.config(app));
  await client.connect();
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const query = client.query('select pg_sleep(60)').catch((error) => error.code);
  const sleeps = async (): Promise<boolean> => {
    const sql = "select 1 from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'";
    return (await cloud.asSuperuser(sql, [processID])).rows.length === 1;
  };
  const cancel = async (key: number): Promise<void> => {
    const canceller = await RawClient.open(cloud.front.port);
    canceller.send(packet('', int32(80877102), int32(processID), int32(key)));
    await canceller.rest();
  };
  await vi.waitFor(async () => expect(await sleeps()).toBe(true), patience);
  await cancel(secretKey ^ 1);
  expect(await sleeps()).toBe(true);
  await cancel(secretKey);
  expect(await query).toBe('57014');
  await client.end();
});
