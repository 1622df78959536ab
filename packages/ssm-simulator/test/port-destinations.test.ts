import { describe, expect, test } from 'vitest';
import { closedPort, echo } from './destinations.ts';
import { type Access, jumpHost, RawClient, start, user, waitFor } from './raw-client.ts';
import { frameTexts, psh, syn } from './raw-envelope.ts';
import { type Running, running } from './setup.ts';

const outputOf = async (client: RawClient): Promise<string> =>
  JSON.parse((await client.message('channel_closed')).payload.toString()).Output;

const says = async (client: RawClient, expected: string[]): Promise<void> => {
  await waitFor(() => (frameTexts(client.output).length >= expected.length ? true : undefined));
  expect(frameTexts(client.output)).toEqual(expected);
};

const startWith = async (simulator: Running, DocumentName: string, Parameters = {}): Promise<Access> =>
  (await simulator.handleApi('StartSession', { Target: jumpHost, DocumentName, Parameters }, user)) as Access;

describe('destinations that an agent refuses are reported after HandshakeComplete', () => {
  test.each([
    '169.254.169.254',
    '169.254.169.253',
    '169.254.169.123',
    '169.254.169.250',
    '169.254.169.251',
    'fd00:ec2::254',
    'fd00:ec2:0:0::253',
    '::ffff:169.254.169.254',
  ])('%s', async (host) => {
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { host, port: 80 }));
    expect(await outputOf(client)).toBe(`Forwarding to IP address ${host} is forbidden.`);
    expect(simulator.statistics()).toMatchObject({ dialled: [], openSessions: 0 });
    expect(simulator.violations()).toEqual([]);
  });

  test('what AWS keeps of the network of the instance, unless it is in no such network', async () => {
    await using simulator = await running({ agent: { vpcCidrs: ['127.5.0.0/16'] } });
    const hybrid = 'mi-0123456789abcdef0';
    simulator.registerInstance({ instanceId: hybrid });
    const client = await RawClient.ready(await start(simulator, { host: '127.5.0.2', port: 1 }));
    expect(await outputOf(client)).toBe('Forwarding to IP address 127.5.0.2 is forbidden.');
    const access = (await simulator.handleApi(
      'StartSession',
      {
        Target: hybrid,
        DocumentName: 'AWS-StartPortForwardingSessionToRemoteHost',
        Parameters: { host: ['127.5.0.2'], portNumber: ['1'] },
      },
      user,
    )) as Access;
    const other = await RawClient.ready(access);
    other.data(syn(3));
    expect((await other.stream(10)).payload.toString('hex')).toBe('00000003');
  });

  test('a name one of whose addresses is refused', async () => {
    await using simulator = await running({ hosts: { 'sly.internal': ['127.0.0.1', '169.254.169.254'] } });
    const client = await RawClient.ready(await start(simulator, { host: 'sly.internal', port: 80 }));
    expect(await outputOf(client)).toBe('Forwarding to IP address sly.internal is forbidden.');
  });

  test('a name that does not resolve', async () => {
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { host: 'nobody.invalid', port: 80 }));
    expect(await outputOf(client)).toBe('lookup nobody.invalid: no such host');
  });
});

test('names of the private network are known to the agent alone', async () => {
  await using server = await echo();
  await using simulator = await running({ hosts: { 'db.internal': '127.0.0.1' } });
  const client = await RawClient.ready(await start(simulator, { host: 'db.internal', port: server.port }));
  client.data(syn(3), psh(3, 'hello'));
  await says(client, ['PSH 3 hello']);
  expect(simulator.statistics().dialled).toEqual([{ host: 'db.internal', port: server.port }]);
});

test('after a failover only a new session finds the new address; agents before June 2023 looked each time', async () => {
  await using before = await echo();
  await using simulator = await running({ hosts: { 'db.internal': '127.0.0.1' } });
  const access = await start(simulator, { host: 'db.internal', port: before.port });
  const client = await RawClient.ready(access);
  client.data(syn(3), psh(3, 'before'));
  await says(client, ['PSH 3 before']);
  simulator.setHost('db.internal', ['127.0.0.2']); // where nobody listens
  client.data(syn(5), psh(5, 'still'));
  await says(client, ['PSH 3 before', 'PSH 5 still']);
  const newer = await RawClient.ready(await start(simulator, { host: 'db.internal', port: before.port }));
  newer.data(syn(3));
  await newer.stream(10);

  simulator.registerInstance({ instanceId: jumpHost, agentVersion: '3.2.985.0' });
  const old = await RawClient.ready(await start(simulator, { host: 'db.internal', port: before.port }));
  old.data(syn(3));
  await old.stream(10);
  simulator.setHost('db.internal', '127.0.0.1');
  old.data(syn(5), psh(5, 'found'));
  await says(old, ['FIN 3', 'PSH 5 found']);
});

test('every address of a name is tried until one answers', async () => {
  await using server = await echo();
  await using simulator = await running({ hosts: { 'db.internal': ['127.0.0.2', '127.0.0.1'] } });
  const client = await RawClient.ready(await start(simulator, { host: 'db.internal', port: server.port }));
  client.data(syn(3), psh(3, 'hello'));
  await says(client, ['PSH 3 hello']);
});

test('without a host the instance itself is meant', async () => {
  await using server = await echo();
  await using simulator = await running();
  const client = await RawClient.ready(await start(simulator, { port: server.port }));
  client.data(syn(3), psh(3, 'hello'));
  await says(client, ['PSH 3 hello']);
  expect(simulator.statistics().dialled).toEqual([{ host: 'localhost', port: server.port }]);
});

test('a document with host and port written out leads there and nowhere else', async () => {
  await using server = await echo();
  await using simulator = await running({ hosts: { 'db.internal': '127.0.0.1' } });
  simulator.registerDocument({
    name: 'Postern-Database',
    content: {
      schemaVersion: '1.0',
      sessionType: 'Port',
      properties: { host: 'db.internal', portNumber: String(server.port), type: 'LocalPortForwarding' },
    },
  });
  const access = await startWith(simulator, 'Postern-Database');
  const client = await RawClient.ready(access);
  expect((await client.stream(5)).payload.toString()).toContain(
    `"Properties":{"host":"db.internal","portNumber":"${server.port}","type":"LocalPortForwarding"}`,
  );
  client.data(syn(3), psh(3, 'hello'));
  await says(client, ['PSH 3 hello']);
});

test('a document without a port fails after the handshake, as at the agent', async () => {
  await using simulator = await running();
  simulator.registerDocument({
    name: 'No-Port',
    content: { schemaVersion: '1.0', sessionType: 'Port', properties: { type: 'LocalPortForwarding' } },
  });
  const client = await RawClient.ready(await startWith(simulator, 'No-Port'));
  expect(await outputOf(client)).toBe(
    'Port number is empty in session properties. map[type:LocalPortForwarding]',
  );
});

test('a port that is no number is a failed dial', async () => {
  await using simulator = await running();
  simulator.registerDocument({
    name: 'Odd-Port',
    content: {
      schemaVersion: '1.0',
      sessionType: 'Port',
      properties: { portNumber: 'postgres', type: 'LocalPortForwarding' },
    },
  });
  const client = await RawClient.ready(await startWith(simulator, 'Odd-Port'));
  client.data(syn(3));
  expect((await client.stream(10)).payload.toString('hex')).toBe('00000003');
  await says(client, ['FIN 3']);
});

describe('basic mode', () => {
  const received = async (client: RawClient, text: string): Promise<void> => {
    await waitFor(() => (client.output.length >= text.length ? true : undefined));
    expect(client.output.toString()).toBe(text);
  };

  test('an old agent forwards one connection, raw, and dials again after it ended', async () => {
    await using server = await echo();
    await using simulator = await running({ agent: { version: '3.0.196.0' } });
    const client = await RawClient.ready(await start(simulator, { host: '127.0.0.1', port: server.port }));
    await waitFor(() => (server.sockets.length === 1 ? true : undefined));
    client.data(Buffer.from('one '));
    await received(client, 'one ');
    client.input(10, Buffer.from([0, 0, 0, 1]));
    await waitFor(() => (server.sockets[0]?.destroyed === true ? true : undefined));
    client.data(Buffer.from('two '));
    await received(client, 'one two ');
    server.sockets[1]?.end();
    await waitFor(() => (server.sockets[1]?.destroyed === true ? true : undefined));
    client.data(Buffer.from('three'));
    await received(client, 'one two three');
    expect(simulator.statistics().dialled).toHaveLength(3);
    client.terminate();
    expect(await outputOf(client)).toBe('');
    expect(simulator.violations()).toEqual([]);
  });

  test('an old client gets it too, from any agent', async () => {
    await using server = await echo();
    await using simulator = await running();
    const client = await RawClient.ready(await start(simulator, { port: server.port }), '1.1.69');
    await waitFor(() => (server.sockets.length === 1 ? true : undefined));
    client.data(Buffer.from('raw'));
    await received(client, 'raw');
  });

  test('SSH: the end of the connection is the end of the session', async () => {
    await using server = await echo();
    await using simulator = await running();
    const client = await RawClient.ready(
      await startWith(simulator, 'AWS-StartSSHSession', { portNumber: [String(server.port)] }),
    );
    expect((await client.stream(5)).payload.toString()).toContain(
      `"Properties":{"portNumber":"${server.port}"}`,
    );
    await waitFor(() => (server.sockets.length === 1 ? true : undefined));
    client.data(Buffer.from('SSH-2.0-x'));
    await received(client, 'SSH-2.0-x');
    server.sockets[0]?.end();
    expect(await outputOf(client)).toBe('');
  });

  test('a refused destination ends the session at the start', async () => {
    const port = await closedPort();
    await using simulator = await running();
    const client = await RawClient.ready(
      await startWith(simulator, 'AWS-StartSSHSession', { portNumber: [String(port)] }),
    );
    expect(await outputOf(client)).toMatch(/^Unable to connect to specified port: .*ECONNREFUSED/);
  });
});
