import {
  DescribeInstanceInformationCommand,
  DescribeSessionsCommand,
  DoesNotExistException,
  GetConnectionStatusCommand,
  InvalidDocument,
  ResumeSessionCommand,
  SSMClient,
  StartSessionCommand,
  TargetNotConnected,
  TerminateSessionCommand,
} from '@aws-sdk/client-ssm';
import { expect, test } from 'vitest';
import { SsmApiError, startSsmSimulator } from '../src/index.ts';
import { jumpHost, RawClient } from './raw-client.ts';
import { running } from './setup.ts';

const sdk = (endpoint: string): SSMClient =>
  new SSMClient({
    endpoint,
    region: 'eu-west-2',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
  });

const remoteHost = {
  Target: jumpHost,
  DocumentName: 'AWS-StartPortForwardingSessionToRemoteHost',
  Parameters: { host: ['db.internal'], portNumber: ['5432'] },
};

test('the AWS SDK starts, finds, resumes and ends a session', async () => {
  await using simulator = await running({ hosts: { 'db.internal': '127.0.0.1' } });
  simulator.registerInstance({ instanceId: jumpHost, tags: { Role: 'jump' } });
  const ssm = sdk(simulator.endpoint);
  const found = await ssm.send(
    new DescribeInstanceInformationCommand({ Filters: [{ Key: 'tag:Role', Values: ['jump'] }] }),
  );
  expect(found.InstanceInformationList?.[0]).toMatchObject({ InstanceId: jumpHost, PingStatus: 'Online' });
  expect(found.InstanceInformationList?.[0]?.LastPingDateTime).toBeInstanceOf(Date);
  expect((await ssm.send(new GetConnectionStatusCommand({ Target: jumpHost }))).Status).toBe('connected');

  const {
    SessionId = '',
    TokenValue = '',
    StreamUrl = '',
  } = await ssm.send(new StartSessionCommand({ ...remoteHost, Reason: 'test' }));
  await RawClient.ready({ SessionId, TokenValue, StreamUrl });
  const { Sessions = [] } = await ssm.send(
    new DescribeSessionsCommand({ State: 'Active', Filters: [{ key: 'SessionId', value: SessionId }] }),
  );
  expect(Sessions[0]).toMatchObject({ SessionId, Status: 'Connected', Reason: 'test', Target: jumpHost });
  expect(Math.abs((Sessions[0]?.StartDate?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
  expect((await ssm.send(new ResumeSessionCommand({ SessionId }))).TokenValue).not.toBe(TokenValue);
  expect((await ssm.send(new TerminateSessionCommand({ SessionId }))).SessionId).toBe(SessionId);
  expect((await ssm.send(new ResumeSessionCommand({ SessionId }))).TokenValue).toBeUndefined();
});

test('the AWS SDK sees the errors as the classes it knows', async () => {
  await using simulator = await running();
  const ssm = sdk(simulator.endpoint);
  await expect(
    ssm.send(new StartSessionCommand({ ...remoteHost, Target: 'i-0ffffffffffffffff' })),
  ).rejects.toBeInstanceOf(TargetNotConnected);
  await expect(
    ssm.send(new StartSessionCommand({ ...remoteHost, DocumentName: 'Nobody' })),
  ).rejects.toBeInstanceOf(InvalidDocument);
  await expect(ssm.send(new ResumeSessionCommand({ SessionId: 'nobody' }))).rejects.toBeInstanceOf(
    DoesNotExistException,
  );
  await expect(
    ssm.send(new StartSessionCommand({ ...remoteHost, Parameters: { portNumber: ['0'] } })),
  ).rejects.toMatchObject({ name: 'InvalidParameters', $metadata: { httpStatusCode: 400 } });
  simulator.faults.failNext('StartSession', { code: 'InternalServerError' });
  await expect(ssm.send(new StartSessionCommand(remoteHost))).rejects.toMatchObject({
    name: 'InternalServerError',
    $fault: 'server',
    $metadata: { httpStatusCode: 500 },
  });
});

test('a hook that knows signatures decides who calls', async () => {
  await using simulator = await running({
    verifyRequest: (request) => {
      if (!request.headers.authorization?.includes('AKIAEXAMPLE/'))
        throw new SsmApiError(
          'UnrecognizedClientException',
          'The security token included in the request is invalid.',
        );
      return { arn: 'arn:aws:iam::123456789012:user/ana', userId: 'AIDAANA', sessionName: 'ana' };
    },
  });
  const { SessionId } = await sdk(simulator.endpoint).send(new StartSessionCommand(remoteHost));
  expect(SessionId).toMatch(/^ana-/);
  const unsigned = await fetch(simulator.endpoint, {
    method: 'POST',
    headers: { 'x-amz-target': 'AmazonSSM.StartSession' },
    body: '{}',
  });
  expect([unsigned.status, await unsigned.json()]).toEqual([
    400,
    {
      __type: 'UnrecognizedClientException',
      message: 'The security token included in the request is invalid.',
    },
  ]);
});

test.each<[string, RequestInit, number, string]>([
  [
    'another service',
    { method: 'POST', headers: { 'x-amz-target': 'secretsmanager.GetSecretValue' } },
    400,
    'UnknownOperationException',
  ],
  ['no operation', { method: 'GET' }, 400, 'UnknownOperationException'],
  [
    'a body that is no JSON',
    { method: 'POST', headers: { 'x-amz-target': 'AmazonSSM.StartSession' }, body: '{' },
    400,
    'SerializationException',
  ],
  [
    'an endless body',
    { method: 'POST', headers: { 'x-amz-target': 'AmazonSSM.StartSession' }, body: 'x'.repeat(1_048_577) },
    413,
    'RequestEntityTooLargeException',
  ],
])('%s is refused politely', async (_, request, status, type) => {
  await using simulator = await running();
  const answer = await fetch(simulator.endpoint, request);
  expect([answer.status, ((await answer.json()) as { __type: string }).__type]).toEqual([status, type]);
});

test('a port that is taken is named in an error of ours', async () => {
  await using first = await startSsmSimulator();
  const port = Number(new URL(first.endpoint).port);
  await expect(startSsmSimulator({ port })).rejects.toMatchObject({
    name: 'SsmSimulatorError',
    code: 'SSM_SIMULATOR_LISTEN_FAILED',
    kind: 'conflict',
    message: expect.stringContaining(String(port)),
  });
});
