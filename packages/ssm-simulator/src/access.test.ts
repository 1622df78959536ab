import { expect, test } from 'vitest';
import { type AccessRequest, createSsmSimulator, SsmApiError, type SsmSimulator } from './index.ts';

const caller = {
  arn: 'arn:aws:sts::123456789012:assumed-role/ci/build-7',
  userId: 'AROACI0000000000000000:build-7',
  sessionName: 'build-7',
};
const target = 'i-0a1b2c3d4e5f60718';
const targetArn = `arn:aws:ec2:eu-west-2:123456789012:instance/${target}`;
const awsDocument = 'AWS-StartPortForwardingSession';
const awsDocumentArn = `arn:aws:ssm:eu-west-2::document/${awsDocument}`;

interface Watched {
  simulator: SsmSimulator;
  asked: AccessRequest[];
}

/** A service whose permissions are decided by `allows`. */
function watched(allows: (request: AccessRequest) => boolean = () => true): Watched {
  const asked: AccessRequest[] = [];
  const simulator = createSsmSimulator({
    authorize: (request) => {
      asked.push(request);
      if (!allows(request))
        throw new SsmApiError(
          'AccessDeniedException',
          `not allowed: ${request.action} on ${request.resource}`,
        );
    },
  });
  simulator.setStreamBase('ws://127.0.0.1:4566');
  simulator.registerInstance({ instanceId: target, tags: { Role: 'jump' } });
  simulator.registerInstance({ instanceId: 'mi-0123456789abcdef0' });
  simulator.registerInstance({ instanceId: 'ecs:prod_0123abcd_0123abcd-42' });
  return { simulator, asked };
}

const start = async (simulator: SsmSimulator, input: object = {}): Promise<{ SessionId: string }> =>
  (await simulator.handleApi(
    'StartSession',
    { Target: target, DocumentName: awsDocument, ...input },
    caller,
  )) as { SessionId: string };

test('StartSession needs permission on the target and on the document, whose account is empty for an AWS one', async () => {
  const { simulator, asked } = watched();
  await start(simulator);
  expect(asked).toEqual([
    {
      caller,
      action: 'ssm:StartSession',
      resource: targetArn,
      context: {
        'ssm:resourceTag/Role': 'jump',
        'aws:ResourceTag/Role': 'jump',
        'ssm:SessionDocumentAccessCheck': 'true',
      },
    },
    { caller, action: 'ssm:StartSession', resource: awsDocumentArn, context: {} },
  ]);
  await simulator.close();
});

test.each<[string, string]>([
  ['mi-0123456789abcdef0', 'arn:aws:ssm:eu-west-2:123456789012:managed-instance/mi-0123456789abcdef0'],
  ['ecs:prod_0123abcd_0123abcd-42', 'arn:aws:ecs:eu-west-2:123456789012:task/prod/0123abcd'],
  ['jump-host', 'arn:aws:ec2:eu-west-2:123456789012:instance/jump-host'],
])('the permission for target %s is asked on %s', async (Target, resource) => {
  const { simulator, asked } = watched(() => false);
  await expect(start(simulator, { Target })).rejects.toMatchObject({ code: 'AccessDeniedException' });
  expect(asked[0]?.resource).toBe(resource);
  await simulator.close();
});

test('a document of the account carries the account in its ARN, also when it does not exist', async () => {
  const { simulator, asked } = watched(({ resource }) => !resource.includes(':document/'));
  await expect(start(simulator, { DocumentName: 'Mine' })).rejects.toMatchObject({
    code: 'AccessDeniedException',
    message: 'not allowed: ssm:StartSession on arn:aws:ssm:eu-west-2:123456789012:document/Mine',
  });
  expect(asked).toHaveLength(2);
  await simulator.close();
});

test('a policy that asks for the document check does not give away the default shell with the instance', async () => {
  const withoutCheck = watched();
  await expect(start(withoutCheck.simulator, { DocumentName: undefined })).rejects.toMatchObject({
    code: 'InvalidDocument',
  });
  expect(withoutCheck.asked.map(({ resource }) => resource)).toEqual([targetArn]);

  const withCheck = watched(
    ({ resource, context }) => resource === targetArn && context['ssm:SessionDocumentAccessCheck'] === 'true',
  );
  await expect(start(withCheck.simulator, { DocumentName: undefined })).rejects.toMatchObject({
    code: 'AccessDeniedException',
    message:
      'not allowed: ssm:StartSession on arn:aws:ssm:eu-west-2:123456789012:document/SSM-SessionManagerRunShell',
  });
  await withoutCheck.simulator.close();
  await withCheck.simulator.close();
});

test('a caller without permission does not learn what exists', async () => {
  const { simulator } = watched(() => false);
  for (const input of [{}, { DocumentName: 'Nobody' }, { Target: 'i-0ffffffffffffffff' }])
    await expect(start(simulator, input)).rejects.toMatchObject({ code: 'AccessDeniedException' });
  for (const operation of ['ResumeSession', 'TerminateSession'])
    await expect(simulator.handleApi(operation, { SessionId: 'nobody' }, caller)).rejects.toMatchObject({
      code: 'AccessDeniedException',
    });
  expect(simulator.statistics().sessionsStarted).toBe(0);
  await simulator.close();
});

test('a session can be reserved to its owner by the system tag that carries the user id', async () => {
  const { simulator, asked } = watched(
    ({ action, context }) =>
      action === 'ssm:StartSession' ||
      context['ssm:resourceTag/aws:ssmmessages:session-id'] === 'AROACI0000000000000000:build-8',
  );
  const { SessionId } = await start(simulator);
  for (const operation of ['ResumeSession', 'TerminateSession'])
    await expect(simulator.handleApi(operation, { SessionId }, caller)).rejects.toMatchObject({
      message: `not allowed: ssm:${operation} on arn:aws:ssm:eu-west-2:123456789012:session/${SessionId}`,
    });
  expect(asked.at(-1)?.context).toEqual({
    'ssm:resourceTag/aws:ssmmessages:session-id': caller.userId,
    'ssm:resourceTag/aws:ssmmessages:target-id': target,
  });
  await simulator.close();
});

test('the lists are allowed for the whole account or not at all', async () => {
  const { simulator, asked } = watched();
  await simulator.handleApi('DescribeSessions', { State: 'Active' }, caller);
  await simulator.handleApi('DescribeInstanceInformation', {}, caller);
  await simulator.handleApi('GetConnectionStatus', { Target: target }, caller);
  await simulator.handleApi('GetDocument', { Name: awsDocument }, caller);
  expect(asked.map(({ action, resource }) => `${action} ${resource}`)).toEqual([
    'ssm:DescribeSessions *',
    'ssm:DescribeInstanceInformation *',
    `ssm:GetConnectionStatus ${targetArn}`,
    `ssm:GetDocument ${awsDocumentArn}`,
  ]);
  await simulator.close();
});
