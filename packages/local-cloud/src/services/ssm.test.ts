import {
  DescribeInstanceInformationCommand,
  DescribeSessionsCommand,
  GetConnectionStatusCommand,
  ListCommandsCommand,
  ResumeSessionCommand,
  SSMClient,
  StartSessionCommand,
  TerminateSessionCommand,
} from '@aws-sdk/client-ssm';
import aws4, { type SignableRequest } from 'aws4';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { TestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import { instanceId, region, startTestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import type { Credentials, PolicyDocument, PolicyStatement } from '../iam/index.ts';

let aws: TestEndpoint;
let ssm: SSMClient;
beforeAll(async () => {
  aws = await startTestEndpoint();
  ssm = new SSMClient(aws.client());
});
afterAll(() => aws[Symbol.asyncDispose]());

const document = 'AWS-StartPortForwardingSessionToRemoteHost';
const parameters = { host: ['db.internal'], portNumber: ['5432'] };
const start = (client = ssm, input: object = {}) =>
  client.send(
    new StartSessionCommand({ Target: instanceId, DocumentName: document, Parameters: parameters, ...input }),
  );
const policy = (...Statement: PolicyStatement[]): PolicyDocument => ({ Version: '2012-10-17', Statement });

test('a session is started, listed, resumed and terminated', async () => {
  const { SessionId, TokenValue, StreamUrl } = await start();
  expect(SessionId).toMatch(/^admin-/);
  expect(TokenValue).toEqual(expect.any(String));
  expect(StreamUrl).toContain(`${aws.url.replace('http', 'ws')}/v1/data-channel/${SessionId}`);
  const { Sessions } = await ssm.send(new DescribeSessionsCommand({ State: 'Active' }));
  expect(Sessions?.map((session) => session.SessionId)).toContain(SessionId);
  const resumed = await ssm.send(new ResumeSessionCommand({ SessionId }));
  expect(resumed.TokenValue).not.toBe(TokenValue);
  expect(await ssm.send(new TerminateSessionCommand({ SessionId }))).toMatchObject({ SessionId });
});

test('instances and their state', async () => {
  const { InstanceInformationList } = await ssm.send(new DescribeInstanceInformationCommand({}));
  expect(InstanceInformationList).toMatchObject([
    { InstanceId: instanceId, PingStatus: 'Online', LastPingDateTime: expect.any(Date) },
  ]);
  expect(await ssm.send(new GetConnectionStatusCommand({ Target: instanceId }))).toMatchObject({
    Status: 'connected',
  });
});

test.each([
  ['unknown target', () => start(ssm, { Target: 'i-00000000000000000' }), 'TargetNotConnected', 400],
  ['unknown document', () => start(ssm, { DocumentName: 'Not-There' }), 'InvalidDocument', 400],
  [
    'no such session',
    () => ssm.send(new ResumeSessionCommand({ SessionId: 'admin-0123456789abcdef0' })),
    'DoesNotExistException',
    400,
  ],
  ['unknown operation', () => ssm.send(new ListCommandsCommand({})), 'UnknownOperationException', 400],
] as const)('refused: %s', async (_name, call, name, httpStatusCode) => {
  await expect(call()).rejects.toMatchObject({ name, $metadata: { httpStatusCode, attempts: 1 } });
});

describe('permissions', () => {
  const onInstance: PolicyStatement = {
    Effect: 'Allow',
    Action: 'ssm:StartSession',
    Resource: `arn:aws:ec2:${region}:*:instance/*`,
    Condition: {
      StringEquals: { 'ssm:resourceTag/postern:jump-host': 'local' },
      BoolIfExists: { 'ssm:SessionDocumentAccessCheck': 'true' },
    },
  };
  const onDocument: PolicyStatement = {
    Effect: 'Allow',
    Action: 'ssm:StartSession',
    Resource: `arn:aws:ssm:${region}::document/${document}`,
  };
  const ownSessions: PolicyStatement = {
    Effect: 'Allow',
    Action: ['ssm:TerminateSession', 'ssm:ResumeSession'],
    Resource: '*',
    Condition: { StringLike: { 'ssm:resourceTag/aws:ssmmessages:session-id': `\${aws:userid}` } },
  };
  const as = (credentials: Credentials): SSMClient => new SSMClient(aws.client(credentials));

  test('the resource of the refusal tells whether the instance or the document is missing', async () => {
    await expect(start(as(aws.user('only-instance', policy(onInstance))))).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(`on resource: arn:aws:ssm:${region}::document/${document} because`),
    });
    await expect(start(as(aws.user('only-document', policy(onDocument))))).rejects.toMatchObject({
      message: expect.stringContaining(`:instance/${instanceId} because`),
    });
  });

  test('an instance without the tag is out of reach', async () => {
    aws.ssm.registerInstance({ instanceId: 'i-0b0b0b0b0b0b0b0b0', tags: { 'postern:jump-host': 'prod' } });
    const client = as(aws.user('tagged', policy(onInstance, onDocument)));
    expect((await start(client)).SessionId).toMatch(/^tagged-/);
    await expect(start(client, { Target: 'i-0b0b0b0b0b0b0b0b0' })).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    await expect(start(client, { DocumentName: undefined, Parameters: undefined })).rejects.toMatchObject({
      message: expect.stringContaining('document/SSM-SessionManagerRunShell'),
    });
  });

  test('sessions of others cannot be ended', async () => {
    const mine = as(aws.user('mine', policy(onInstance, onDocument, ownSessions)));
    const theirs = await start();
    const { SessionId } = await start(mine);
    await expect(
      mine.send(new TerminateSessionCommand({ SessionId: theirs.SessionId })),
    ).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    expect(await mine.send(new TerminateSessionCommand({ SessionId }))).toMatchObject({ SessionId });
  });
});

describe('the data channel', () => {
  /** Upgrades and tells the HTTP status, 101 for success. */
  function upgrade(
    streamUrl: string,
    sign: Credentials | undefined,
    service = 'ssmmessages',
  ): Promise<number> {
    const url = new URL(streamUrl);
    const request: SignableRequest = {
      method: 'GET',
      host: url.host,
      path: `${url.pathname}?${url.searchParams.toString().replaceAll('+', '%20')}`,
      service,
      region,
      headers: {},
    };
    if (sign !== undefined) aws4.sign(request, sign);
    const { Host: _host, ...headers } = request.headers as Record<string, string>;
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(streamUrl, { headers, perMessageDeflate: false });
      socket.once('open', () => {
        socket.terminate();
        resolve(101);
      });
      socket.once('unexpected-response', (_request, response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      socket.once('error', reject);
    });
  }

  test('opens for a signed upgrade of a caller who may', async () => {
    const { StreamUrl = '' } = await start();
    expect(await upgrade(StreamUrl, aws.client().credentials)).toBe(101);
  });

  test.each([
    ['is unsigned', () => undefined, undefined],
    [
      'is signed by an unknown key',
      () => ({ accessKeyId: 'AKIAUNKNOWN234567ABC', secretAccessKey: 'x' }),
      undefined,
    ],
    [
      'is signed with a wrong secret',
      () => ({ ...aws.client().credentials, secretAccessKey: 'x' }),
      undefined,
    ],
    ['is signed for another service', () => aws.client().credentials, 'ssm'],
    ['comes from somebody without ssmmessages:OpenDataChannel', () => aws.user('no-channel'), undefined],
  ])('stays closed for an upgrade that %s', async (_name, credentials, service) => {
    const { StreamUrl = '' } = await start();
    expect(await upgrade(StreamUrl, credentials(), service)).toBe(403);
  });

  test('stays closed for expired credentials', async () => {
    const { StreamUrl = '' } = await start();
    const credentials = aws.iam.createSession('admin', { expiresInMs: 60_000 });
    aws.iam.setExpiration(credentials.accessKeyId, Date.now() - 1);
    expect(await upgrade(StreamUrl, credentials)).toBe(403);
  });

  test('there is none on another path', async () => {
    expect(await upgrade(`${aws.url.replace('http', 'ws')}/v1/other`, aws.client().credentials)).toBe(404);
  });
});
