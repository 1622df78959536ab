import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DescribeInstanceInformationCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import aws4, { type SignableRequest } from 'aws4';
import { describe, expect, test } from 'vitest';
import { region, startTestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import { IamDirectory } from '../iam/index.ts';
import type { Endpoint } from './endpoint.ts';
import { startEndpoint } from './endpoint.ts';
import type { JsonService } from './service.ts';
import { renderXml, XmlList } from './xml.ts';

/** An endpoint with one SSM-like service whose only operation does as told. */
async function withService(handle: JsonService['handle']) {
  const iam = new IamDirectory({ accountId: '123456789012' });
  iam.createUser('ada');
  const credentials = iam.createAccessKey('ada');
  const service: JsonService = {
    protocol: 'json',
    id: 'SSM',
    signingName: 'ssm',
    targetPrefix: 'AmazonSSM',
    handle,
  };
  const endpoint = await startEndpoint({ region, iam, clock: Date.now, services: [service] });
  const client = new SSMClient({ endpoint: endpoint.url, region, credentials });
  const call = () => client.send(new DescribeInstanceInformationCommand({}));
  return { endpoint, call, client, [Symbol.asyncDispose]: () => endpoint.close() };
}
const calls = (endpoint: Endpoint): number => endpoint.statistics()['SSM.DescribeInstanceInformation'] ?? 0;

test('a fault of a service is a 500 without its text, which the SDK tries three times', async () => {
  await using broken = await withService(async () => {
    throw new Error('secret detail');
  });
  await expect(broken.call()).rejects.toMatchObject({
    name: 'InternalServerError',
    message: expect.not.stringContaining('secret detail'),
    $metadata: { httpStatusCode: 500, attempts: 3 },
  });
  expect(calls(broken.endpoint)).toBe(3);
});

test.each([
  ['/base', 'a base path'],
  ['/base/', 'a base path with a trailing slash, as JavaScript sends it doubled'],
])('%s: %s', async (basePath) => {
  await using aws = await startTestEndpoint({ basePath: '/base' });
  const options = { ...aws.client(), endpoint: aws.url + basePath };
  expect(await new STSClient(options).send(new GetCallerIdentityCommand({}))).toMatchObject({
    Account: '123456789012',
  });
  await expect(
    new LambdaClient(options).send(new InvokeCommand({ FunctionName: 'none' })),
  ).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
});

describe('requests that no SDK sends', () => {
  async function send(url: string, credentials: aws4Credentials, change: SignableRequest) {
    const signable = {
      method: 'POST',
      host: new URL(url).host,
      path: '/',
      service: 'ssm',
      region,
      body: '{}',
      ...change,
    };
    aws4.sign(signable, credentials);
    const { Host: _host, 'Content-Length': _length, ...headers } = signable.headers as Record<string, string>;
    const body = signable.method === 'GET' ? null : signable.body;
    const response = await fetch(url + signable.path, { method: signable.method, headers, body });
    return {
      status: response.status,
      text: await response.text(),
      type: response.headers.get('content-type'),
    };
  }
  type aws4Credentials = Parameters<typeof aws4.sign>[1];

  test.each([
    [
      'an unknown target',
      { headers: { 'X-Amz-Target': 'DynamoDB_20120810.ListTables' } },
      400,
      '"__type":"UnknownOperationException"',
    ],
    ['no marker at all', {}, 400, '"__type":"UnknownOperationException"'],
    [
      'a body that is no JSON',
      { headers: { 'X-Amz-Target': 'AmazonSSM.DescribeSessions' }, body: '{' },
      400,
      '"__type":"SerializationException"',
    ],
    [
      'an unknown path of Lambda',
      { service: 'lambda', path: '/2015-03-31/layers' },
      404,
      '"message":"The requested operation',
    ],
    [
      'an unknown action',
      {
        service: 'rds',
        path: '/',
        body: 'Action=Nope&Version=2014-10-31',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      },
      400,
      '<Code>InvalidAction</Code>',
    ],
    [
      'an inherited action',
      {
        service: 'rds',
        path: '/',
        body: 'Action=toString&Version=2014-10-31',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      },
      400,
      '<Code>InvalidAction</Code>',
    ],
    [
      'an action in the query',
      { service: 'sts', method: 'GET', path: '/?Action=GetCallerIdentity&Version=2011-06-15', body: '' },
      200,
      '<Account>123456789012</Account>',
    ],
    [
      'a target of another service than the signature',
      { service: 'sts', headers: { 'X-Amz-Target': 'AmazonSSM.DescribeSessions' } },
      400,
      "correct service: 'ssm'",
    ],
    [
      'a broken escape in a path',
      { service: 'lambda', path: '/2015-03-31/functions/%zz' },
      404,
      'UnknownOperation',
    ],
  ] as Array<[string, SignableRequest, number, string]>)('%s', async (_name, change, status, text) => {
    await using aws = await startTestEndpoint();
    const answer = await send(aws.url, aws.client().credentials, change);
    expect(answer.status).toBe(status);
    if (!text.startsWith('UnknownOperation')) expect(answer.text).toContain(text);
  });

  test('a body beyond the bound gets its 413 instead of a broken connection', async () => {
    await using aws = await startTestEndpoint();
    const answer = await send(aws.url, aws.client().credentials, {
      headers: { 'X-Amz-Target': 'AmazonSSM.DescribeSessions' },
      body: JSON.stringify({ State: 'x'.repeat(11 * 1024 * 1024) }),
    });
    expect(answer).toMatchObject({
      status: 413,
      text: expect.stringContaining('RequestEntityTooLargeException'),
    });
  });
});

describe('closing', () => {
  test('waits for the answer under way, and the client sees no retry', async () => {
    let answer: (() => void) | undefined;
    const running = await withService(() => new Promise((resolve) => (answer = () => resolve({}))));
    const call = running.call();
    await expect.poll(() => calls(running.endpoint)).toBe(1);
    const closed = running.endpoint.close();
    expect(running.endpoint.close()).toBe(closed);
    answer?.();
    expect((await call).$metadata).toMatchObject({ httpStatusCode: 200, attempts: 1 });
    await closed;
    await expect(fetch(running.endpoint.url)).rejects.toThrow();
  });

  test('does not wait for idle connections', async () => {
    const idle = await withService(async () => ({}));
    await idle.call();
    const socket = connect(idle.endpoint.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    await idle.endpoint.close();
    socket.destroy();
    idle.client.destroy();
  });
});

test('listens on loopback only', async () => {
  await using idle = await withService(async () => ({}));
  expect(idle.endpoint.url).toBe(`http://127.0.0.1:${idle.endpoint.port}`);
  const outside = request({ host: '127.0.0.2', port: idle.endpoint.port });
  outside.end();
  const [error] = (await once(outside, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
});

test('every request is published, without anything secret', async () => {
  const seen: unknown[] = [];
  const listen = (message: unknown): void => void seen.push(message);
  subscribe('postern:local-cloud:request', listen);
  await using aws = await startTestEndpoint();
  await new STSClient(aws.client()).send(new GetCallerIdentityCommand({}));
  unsubscribe('postern:local-cloud:request', listen);
  expect(seen).toMatchObject([
    {
      service: 'STS',
      operation: 'GetCallerIdentity',
      status: 200,
      principalArn: 'arn:aws:iam::123456789012:user/admin',
      requestId: expect.any(String),
      durationMs: expect.any(Number),
      error: undefined,
    },
  ]);
});

test('XML carries any text, and lists with their own tag', () => {
  const value = {
    A: '<&">\u0001',
    B: new XmlList('Item', [1, true, { C: 'x' }]),
    D: undefined,
    E: new XmlList('Item', []),
  };
  expect(renderXml('R', value, ' xmlns="n"')).toBe(
    '<R xmlns="n"><A>&lt;&amp;&quot;&gt;\ufffd</A><B><Item>1</Item><Item>true</Item><Item><C>x</C></Item></B><E></E></R>',
  );
});
