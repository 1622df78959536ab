import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, type Check, expectEqual, expectMatch } from '../check.ts';

const area = 'SSM';
const sessionIdPattern = /^interop-admin-[0-9a-z]{17,}$/;

interface Session {
  SessionId: string;
  TokenValue: string;
  StreamUrl: string;
}

export const ssmChecks: readonly Check[] = [
  {
    area,
    name: 'DescribeInstanceInformation lists the jump host',
    async run({ aws, admin, cloud }) {
      const { InstanceInformationList: list } = await aws.answer<{
        InstanceInformationList: Array<{ InstanceId: string; PingStatus: string; AgentVersion: string }>;
      }>(admin, ['ssm', 'describe-instance-information']);
      const host = list.find(({ InstanceId }) => InstanceId === cloud.jumpHost.instanceId);
      expectEqual(host?.PingStatus, 'Online', 'PingStatus of the jump host');
      expectMatch(host?.AgentVersion ?? '', /^\d+\.\d+\.\d+\.\d+$/, 'AgentVersion');
    },
  },
  {
    area,
    name: 'start-session hands the plugin what the service answered',
    async run(bench) {
      const session = await startSession(bench);
      expectMatch(session.SessionId, sessionIdPattern, 'SessionId');
      expectMatch(session.StreamUrl, /^wss?:\/\/.+\/v1\/data-channel\/.+role=publish_subscribe/, 'StreamUrl');
      expectEqual(session.TokenValue.length > 20, true, 'a token of some length');
      await bench.aws.answer(bench.admin, ['ssm', 'terminate-session', '--session-id', session.SessionId]);
    },
  },
  {
    area,
    name: 'DescribeSessions shows a session until TerminateSession ends it',
    async run(bench) {
      const { SessionId } = await startSession(bench);
      expectEqual((await activeSessions(bench)).includes(SessionId), true, 'the session is active');
      const answer = await bench.aws.answer(bench.admin, [
        'ssm',
        'terminate-session',
        '--session-id',
        SessionId,
      ]);
      expectEqual(answer, { SessionId }, 'the answer of TerminateSession');
      expectEqual(
        (await activeSessions(bench)).includes(SessionId),
        false,
        'the session is active after its end',
      );
    },
  },
  {
    area,
    name: 'ResumeSession gives the same session a new token',
    async run(bench) {
      const { SessionId, TokenValue } = await startSession(bench);
      const resumed = await bench.aws.answer<Session>(bench.admin, [
        'ssm',
        'resume-session',
        '--session-id',
        SessionId,
      ]);
      await bench.aws.answer(bench.admin, ['ssm', 'terminate-session', '--session-id', SessionId]);
      expectEqual(resumed.SessionId, SessionId, 'SessionId');
      expectEqual(resumed.TokenValue === TokenValue, false, 'the token is the old one');
      expectMatch(resumed.StreamUrl, /^wss?:\/\//, 'StreamUrl');
    },
  },
  {
    area,
    name: 'a target that is not connected is refused',
    run: async (bench) =>
      void (await bench.aws.refusal(bench.admin, start('i-00000000000000000'), 'TargetNotConnected')),
  },
  {
    area,
    name: 'a document that does not exist is refused',
    run: async ({ aws, admin, cloud }) =>
      void (await aws.refusal(
        admin,
        [
          'ssm',
          'start-session',
          '--target',
          cloud.jumpHost.instanceId,
          '--document-name',
          'No-Such-Document',
        ],
        'InvalidDocument',
      )),
  },
  {
    area,
    name: 'StartSession without permission is denied',
    async run({ aws, nobody, cloud }) {
      const text = await aws.refusal(nobody, start(cloud.jumpHost.instanceId), 'AccessDeniedException');
      expectMatch(
        text,
        /is not authorized to perform: ssm:StartSession on resource: arn:aws:/,
        'the message',
      );
    },
  },
  {
    area,
    name: 'TerminateSession without permission is denied',
    async run(bench) {
      const { SessionId } = await startSession(bench);
      const terminate = ['ssm', 'terminate-session', '--session-id', SessionId];
      await bench.aws.refusal(bench.nobody, terminate, 'AccessDeniedException');
      await bench.aws.answer(bench.admin, terminate);
    },
  },
  {
    area,
    name: 'ResumeSession of a session that does not exist is refused',
    run: async ({ aws, admin }) =>
      void (await aws.refusal(
        admin,
        ['ssm', 'resume-session', '--session-id', 'interop-admin-0123456789abcdef0'],
        'DoesNotExistException',
      )),
  },
  {
    area,
    name: 'a wrong secret key is refused',
    run: async ({ aws, forger }) =>
      void (await aws.refusal(forger, ['ssm', 'describe-instance-information'], 'InvalidSignatureException')),
  },
  {
    area,
    name: 'an unknown key is refused',
    run: async ({ aws, stranger }) =>
      void (await aws.refusal(
        stranger,
        ['ssm', 'describe-instance-information'],
        'UnrecognizedClientException',
      )),
  },
  {
    area,
    name: 'expired credentials are refused',
    run: async ({ aws, expired }) =>
      void (await aws.refusal(expired, ['ssm', 'describe-instance-information'], 'ExpiredTokenException')),
  },
];

function start(target: string): string[] {
  return [
    'ssm',
    'start-session',
    '--target',
    target,
    '--document-name',
    'AWS-StartPortForwardingSession',
    '--parameters',
    '{"portNumber":["5432"]}',
  ];
}

/** Starts a session with the CLI. The answer is what the CLI handed to the (recording) session manager plugin. */
async function startSession({ aws, admin, cloud, folder }: Bench): Promise<Session> {
  const { code, stderr } = await aws.run(admin, start(cloud.jumpHost.instanceId));
  if (code !== 0) throw new Error(`aws ssm start-session exited with ${code}: ${stderr.trim()}`);
  return JSON.parse(await readFile(join(folder, 'plugin-response.json'), 'utf8')) as Session;
}

async function activeSessions({ aws, admin }: Bench): Promise<string[]> {
  const { Sessions } = await aws.answer<{ Sessions: Array<{ SessionId: string }> }>(admin, [
    'ssm',
    'describe-sessions',
    '--state',
    'Active',
  ]);
  return Sessions.map(({ SessionId }) => SessionId);
}
