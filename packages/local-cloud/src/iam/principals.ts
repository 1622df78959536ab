import type { PolicyDocument, PolicyStatement } from './policy.ts';

/** Who exists in a fresh local cloud, each with the least it needs. */
export type PrincipalName = 'developer' | 'ci' | 'deploy' | 'bootstrap' | 'testdb' | 'jump-host';

export const principalNames: readonly PrincipalName[] = [
  'developer',
  'ci',
  'deploy',
  'bootstrap',
  'testdb',
  'jump-host',
];

export interface PrincipalScope {
  readonly region: string;
  readonly accountId: string;
  readonly clusterArn: string;
  readonly clusterResourceId: string;
  readonly masterSecretArn: string;
  readonly jumpHostTag: { readonly key: string; readonly value: string };
  readonly functions: { readonly bootstrap: string; readonly testdb: string };
}

export interface PredefinedPrincipal {
  readonly type: 'user' | 'role';
  /** Name in IAM. */
  readonly iamName: string;
  /** What a session of the role is called. */
  readonly sessionName: string;
  readonly trust?: PolicyDocument;
  readonly policies: Readonly<Record<string, PolicyDocument>>;
}

const remoteHostDocument = 'AWS-StartPortForwardingSessionToRemoteHost';
const ownHostDocument = 'AWS-StartPortForwardingSession';

/** The principals of one environment as data; the statements follow what the same roles need on AWS. */
export function predefinedPrincipals(scope: PrincipalScope): Record<PrincipalName, PredefinedPrincipal> {
  const { region, accountId } = scope;
  const functionArn = (name: string): string => `arn:aws:lambda:${region}:${accountId}:function:${name}`;
  const bootstrap = functionArn(scope.functions.bootstrap);
  const testdb = functionArn(scope.functions.testdb);
  const roleArn = (name: string): string => `arn:aws:iam::${accountId}:role/${name}`;
  const names = { bootstrap: 'postern-bootstrap-local', testdb: 'postern-testdb-local' };
  const readFunction = ['lambda:GetFunction', 'lambda:GetFunctionConfiguration'];

  const testRun: readonly PolicyStatement[] = [
    ...tunnel(scope, [remoteHostDocument]),
    connect(scope, 'pt_*'),
    allow('rds:DescribeDBClusters', scope.clusterArn),
    allow(['lambda:InvokeFunction', 'lambda:GetFunctionConfiguration'], [testdb, `${testdb}:*`]),
  ];
  return {
    developer: {
      type: 'user',
      iamName: 'developer',
      sessionName: 'developer',
      policies: {
        'test-runs': policy(...testRun),
        'by-hand': policy(
          allow('ssm:StartSession', `arn:aws:ssm:${region}::document/${ownHostDocument}`),
          allow(['lambda:InvokeFunction', 'lambda:GetFunctionConfiguration'], [bootstrap, `${bootstrap}:*`]),
          // A database role of one's own name, as people have on shared clusters.
          connect(scope, `\${aws:username}`),
        ),
      },
    },
    ci: {
      type: 'role',
      iamName: 'postern-ci-local',
      sessionName: 'GitHubActions',
      trust: trustAccount(accountId),
      policies: { 'test-runs': policy(...testRun) },
    },
    deploy: {
      type: 'role',
      iamName: 'postern-deploy-local',
      sessionName: 'GitHubActions',
      trust: trustAccount(accountId),
      policies: {
        deploy: policy(
          allow(
            [
              ...readFunction,
              'lambda:CreateFunction',
              'lambda:UpdateFunctionCode',
              'lambda:UpdateFunctionConfiguration',
            ],
            [bootstrap, testdb],
          ),
          allow('lambda:InvokeFunction', [bootstrap, `${bootstrap}:*`]),
          allow('rds:DescribeDBClusters', scope.clusterArn),
          {
            ...allow('iam:PassRole', [roleArn(names.bootstrap), roleArn(names.testdb)]),
            Condition: { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } },
          },
        ),
      },
    },
    // Migrations log in as the migrator of their database, never as the master.
    bootstrap: executionRole(names.bootstrap, scope, { migrate: policy(connect(scope, '*_migrator')) }),
    testdb: executionRole(names.testdb, scope),
    'jump-host': {
      type: 'role',
      iamName: 'postern-jump-host-local',
      sessionName: 'i-0a1b2c3d4e5f60718',
      trust: trustService('ec2.amazonaws.com'),
      policies: {
        agent: policy(
          allow(
            [
              'ssm:UpdateInstanceInformation',
              'ssmmessages:CreateControlChannel',
              'ssmmessages:CreateDataChannel',
              'ssmmessages:OpenControlChannel',
              'ssmmessages:OpenDataChannel',
            ],
            '*',
          ),
        ),
      },
    },
  };
}

/** Port sessions through the tagged jump host with the named documents, and one's own sessions only. */
function tunnel(scope: PrincipalScope, documents: readonly string[]): readonly PolicyStatement[] {
  const { region, accountId, jumpHostTag } = scope;
  return [
    {
      ...allow('ssm:StartSession', `arn:aws:ec2:${region}:${accountId}:instance/*`),
      Condition: {
        StringEquals: { [`ssm:resourceTag/${jumpHostTag.key}`]: jumpHostTag.value },
        // Without it, permission on the instance alone would also open a shell.
        BoolIfExists: { 'ssm:SessionDocumentAccessCheck': 'true' },
      },
    },
    allow('ssm:StartSession', [
      // Documents of AWS have no account in their ARN.
      ...documents.map((name) => `arn:aws:ssm:${region}::document/${name}`),
      `arn:aws:ssm:${region}:${accountId}:document/postern-*`,
    ]),
    allow('ssmmessages:OpenDataChannel', `arn:aws:ssm:${region}:${accountId}:session/*`),
    {
      ...allow(['ssm:TerminateSession', 'ssm:ResumeSession'], '*'),
      Condition: { StringLike: { 'ssm:resourceTag/aws:ssmmessages:session-id': `\${aws:userid}` } },
    },
    allow(['ssm:GetConnectionStatus', 'ssm:DescribeInstanceInformation', 'ssm:DescribeSessions'], '*'),
  ];
}

/** `rds-db:connect` asks for the cluster's resource id, never its identifier. */
function connect({ region, accountId, clusterResourceId }: PrincipalScope, user: string): PolicyStatement {
  return allow('rds-db:connect', `arn:aws:rds-db:${region}:${accountId}:dbuser:${clusterResourceId}/${user}`);
}

function executionRole(
  iamName: string,
  { masterSecretArn }: PrincipalScope,
  policies: Readonly<Record<string, PolicyDocument>> = {},
): PredefinedPrincipal {
  return {
    type: 'role',
    iamName,
    sessionName: iamName,
    trust: trustService('lambda.amazonaws.com'),
    policies: {
      'master-secret': policy(allow('secretsmanager:GetSecretValue', masterSecretArn)),
      ...policies,
    },
  };
}

function allow(Action: string | readonly string[], Resource: string | readonly string[]): PolicyStatement {
  return { Effect: 'Allow', Action, Resource };
}

function policy(...statements: readonly PolicyStatement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

function trustAccount(accountId: string): PolicyDocument {
  return policy({
    Effect: 'Allow',
    Principal: { AWS: `arn:aws:iam::${accountId}:root` },
    Action: 'sts:AssumeRole',
  });
}

function trustService(service: string): PolicyDocument {
  return policy({ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' });
}
