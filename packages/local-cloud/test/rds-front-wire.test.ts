import { once } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  errorFields,
  gssRequest,
  int32,
  packet,
  RawClient,
  sslRequest,
  startup,
} from './fixtures/raw-client.ts';
import { endpoint, patience, startTestFront, type TestFront } from './fixtures/test-front.ts';

let cloud: TestFront;
const token = 'the-right-token';

beforeAll(async () => {
  cloud = await startTestFront();
  await cloud.asSuperuser(`
    create role app login; grant rds_iam to app;
    create role plain login;
  `);
  await cloud.server.setPassword('plain', 'Right-password-1');
  cloud.tokens.set('app', token);
});

afterAll(() => cloud.close());

const tls = () => ({ ca: cloud.caPem, servername: endpoint });
const direct = () => ({ ...tls(), ALPNProtocols: ['postgresql'] });
const open = () => RawClient.open(cloud.front.port);

async function openTls(): Promise<RawClient> {
  const client = await open();
  client.send(sslRequest);
  expect((await client.take(1)).toString()).toBe('S');
  await client.startTls(tls());
  return client;
}

describe('start-up', () => {
  test('GSS encryption is declined and TLS still granted afterwards', async () => {
    const client = await open();
    client.send(gssRequest);
    expect((await client.take(1)).toString()).toBe('N');
    client.send(sslRequest);
    expect((await client.take(1)).toString()).toBe('S');
    client.socket.destroy();
  });

  test('plain text behind the request for TLS is named as the attack it may be', async () => {
    const client = await open();
    client.send(sslRequest, startup({ user: 'app' }));
    expect(errorFields(await client.message())).toMatchObject({
      C: '08P01',
      M: 'received unencrypted data after SSL request',
    });
  });

  test('direct TLS needs the application protocol of PostgreSQL', async () => {
    const client = await RawClient.openTls(cloud.front.port, tls());
    client.send(startup({ user: 'app' }));
    expect(await client.rest()).toHaveLength(0);
    const good = await RawClient.openTls(cloud.front.port, direct());
    good.send(startup({ user: 'app' }));
    expect((await good.message()).body).toEqual(int32(3));
    good.socket.destroy();
  });

  test('TLS cannot be asked for inside TLS', async () => {
    const client = await openTls();
    client.send(sslRequest);
    expect(errorFields(await client.message())).toMatchObject({
      C: '0A000',
      M: 'unsupported frontend protocol 1234.5679: server supports 3.0 to 3.0',
    });
  });

  test('protocol 2 is refused, a newer minor version and unknown options are negotiated down', async () => {
    const old = await openTls();
    old.send(startup({ user: 'app' }, 2 << 16));
    expect(errorFields(await old.message())).toMatchObject({ C: '0A000' });

    const client = await openTls();
    client.send(startup({ user: 'app', database: 'postgres', '_pq_.later': 'x' }, (3 << 16) | 2));
    const answer = await client.message();
    expect(answer.type).toBe('v');
    expect(answer.body).toEqual(Buffer.concat([int32(3 << 16), int32(1), Buffer.from('_pq_.later\0')]));
    expect((await client.message()).body).toEqual(int32(3));
    client.send(packet('p', `${token}\0`));
    expect((await client.messagesUntil('Z')).at(0)).toEqual({ type: 'R', body: int32(0) });
    client.socket.destroy();
  });

  test('a user name is required, and the database defaults to it', async () => {
    const nameless = await openTls();
    nameless.send(startup({ database: 'postgres' }));
    expect(errorFields(await nameless.message())).toMatchObject({
      S: 'FATAL',
      C: '28000',
      M: 'no PostgreSQL user name specified in startup packet',
    });
    const client = await openTls();
    client.send(startup({ user: 'app' }));
    await client.message();
    client.send(packet('p', `${token}\0`));
    expect(errorFields((await client.messagesUntil('E')).at(-1)!)).toMatchObject({
      C: '3D000',
      M: 'database "app" does not exist',
    });
  });

  test.each([
    ['a length of nothing', int32(0)],
    ['a length beyond reason', int32(1 << 30)],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('%s ends the connection without a word', async (_name, bytes) => {
    const client = await open();
    client.send(bytes);
    expect(await client.rest()).toHaveLength(0);
  });

  test('a startup packet without its end is refused', async () => {
    const client = await openTls();
    client.send(packet('', int32(3 << 16), 'user\0app\0'));
    expect(errorFields(await client.message())).toMatchObject({ C: '08P01' });
  });

  test('a client that goes away at any byte of the start leaves nothing behind', async () => {
    const bytes = Buffer.concat([gssRequest, sslRequest]);
    for (let length = 0; length < bytes.length; length += 1) {
      const client = await open();
      client.send(bytes.subarray(0, length));
      client.socket.end();
      await client.rest();
    }
    await vi.waitFor(() => expect(cloud.front.statistics().openSessions).toBe(0), patience);
  });

  test('bytes that arrive one at a time are as good as all at once', async () => {
    const client = await openTls();
    const bytes = startup({ user: 'app', database: 'postgres' });
    for (const byte of bytes) client.send(Uint8Array.of(byte));
    expect((await client.message()).body).toEqual(int32(3));
    for (const byte of packet('p', `${token}\0`)) client.send(Uint8Array.of(byte));
    await client.messagesUntil('Z');
    client.socket.destroy();
  });
});

describe('authentication', () => {
  test('nothing that is pipelined behind the token gets lost', async () => {
    const client = await RawClient.openTls(cloud.front.port, direct());
    client.send(
      startup({
        user: 'app',
        database: 'postgres',
        application_name: 'pipelined',
        options: '-c work_mem=123kB',
      }),
      packet('p', `${token}\0`),
      packet('Q', 'show work_mem\0'),
    );
    const messages = [...(await client.messagesUntil('Z')), ...(await client.messagesUntil('Z'))];
    expect(messages.find(({ type }) => type === 'D')?.body.toString()).toContain('123kB');
    expect(messages.filter(({ type }) => type === 'S').map(({ body }) => body.toString())).toContain(
      'application_name\0pipelined\0',
    );
    client.socket.destroy();
  });

  test('a message that is no password is named by its type', async () => {
    const client = await openTls();
    client.send(startup({ user: 'app' }));
    await client.message();
    client.send(packet('Q', 'select 1\0'));
    expect(errorFields(await client.message())).toMatchObject({
      C: '08P01',
      M: 'expected password response, got message type 81',
    });
  });

  test('a password with a zero inside is refused, one beyond reason ends the connection', async () => {
    const client = await openTls();
    client.send(startup({ user: 'app' }));
    await client.message();
    client.send(packet('p', `${token}\0${token}\0`));
    expect(errorFields(await client.message())).toMatchObject({
      C: '08P01',
      M: 'invalid password packet size',
    });
    const huge = await openTls();
    huge.send(startup({ user: 'app' }));
    await huge.message();
    huge.send(Buffer.from('p'), int32(1 << 30));
    expect(await huge.rest()).toHaveLength(0);
  });

  test('passwords: the mechanisms depend on TLS, and binding cannot be talked away', async () => {
    const client = await openTls();
    client.send(startup({ user: 'plain', database: 'postgres' }));
    const offer = await client.message();
    expect(offer.body).toEqual(
      Buffer.concat([int32(10), Buffer.from('SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0')]),
    );
    const data = 'y,,n=,r=abcdefgh';
    client.send(packet('p', 'SCRAM-SHA-256\0', int32(data.length), data));
    expect(errorFields(await client.message())).toMatchObject({
      C: '28000',
      M: 'SCRAM channel binding negotiation error',
    });
  });

  test('a role that does not exist is shown the same salt each time, as one that exists is', async () => {
    const saltOf = async (user: string): Promise<string | undefined> => {
      const client = await openTls();
      client.send(startup({ user, database: 'postgres' }));
      await client.message();
      const data = 'n,,n=,r=abcdefgh';
      client.send(packet('p', 'SCRAM-SHA-256\0', int32(data.length), data));
      const { body } = await client.message();
      client.socket.destroy();
      return /s=([^,]+),i=4096$/.exec(body.toString())?.[1];
    };
    for (const user of ['plain', 'absent']) {
      expect(await saltOf(user)).toMatch(/^[A-Za-z0-9+/]{22}==$/);
      expect(await saltOf(user)).toBe(await saltOf(user));
    }
  });

  test('whoever does not answer in time is cut off without a word', async () => {
    await using impatient = await startTestFront({ authenticationTimeoutMs: 100 });
    const silent = await RawClient.open(impatient.front.port);
    expect(await silent.rest()).toHaveLength(0);
  });
});

describe('cancel', () => {
  const running = async (client: pg.Client): Promise<void> => {
    const { processID } = client as unknown as { processID: number };
    await vi.waitFor(async () => {
      const { rows } = await cloud.asSuperuser(
        "select 1 from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
        [processID],
      );
      expect(rows).toHaveLength(1);
    }, patience);
  };

  test.each(['plain text', 'TLS', 'direct TLS'])('a request over %s stops the query', async (way) => {
    const client = new pg.Client(cloud.config({ user: 'app', password: token }));
    await client.connect();
    const query = client.query('select pg_sleep(60)').catch((error) => error.code);
    await running(client);
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const canceller =
      way === 'plain text'
        ? await open()
        : way === 'TLS'
          ? await openTls()
          : await RawClient.openTls(cloud.front.port, direct());
    canceller.send(packet('', int32(80877102), int32(processID), int32(secretKey)));
    expect(await canceller.rest()).toHaveLength(0);
    expect(await query).toBe('57014');
    await client.end();
  });
});

test('a client that vanishes in the middle of a session takes its backend with it', async () => {
  const client = new pg.Client(cloud.config({ user: 'app', password: token, application_name: 'vanishing' }));
  client.on('error', () => {});
  await client.connect();
  const { stream } = (client as unknown as { connection: { stream: import('node:net').Socket } }).connection;
  stream.destroy();
  await once(stream, 'close');
  await vi.waitFor(async () => {
    const { rows } = await cloud.asSuperuser(
      "select 1 from pg_stat_activity where application_name = 'vanishing'",
    );
    expect(rows).toHaveLength(0);
  }, patience);
  await vi.waitFor(() => expect(cloud.front.statistics().openSessions).toBe(0), patience);
});
