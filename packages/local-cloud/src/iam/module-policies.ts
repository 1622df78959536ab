import type { PolicyDocument, PolicyStatement } from './policy.ts';

/** The environment that the policies are about. */
export interface PrincipalScope {
  readonly region: string;
  readonly accountId: string;
  readonly clusterArn: string;
  readonly clusterResourceId: string;
  readonly masterSecretArn: string;
  readonly jumpHostTag: { readonly key: string; readonly value: string };
  /** Name of the Session document that leads to the database. */
  readonly document: string;
  readonly functions: { readonly bootstrap: string; readonly testdb: string };
}

/** What differs between the two functions. */
export interface FunctionScope extends PrincipalScope {
  readonly functionName: string;
}

type Templates<Name extends string, Scope = PrincipalScope> = Readonly<
  Record<Name, (scope: Scope) => PolicyDocument>
>;
type CiAccess =
  | 'ci-connect'
  | 'ci-target-instance'
  | 'ci-test-databases'
  | 'ci-tunnel'
  | 'deploy-bootstrap'
  | 'deploy-code'
  | 'developer-connect'
  | 'discover-cluster'
  | 'discover-jump-host'
  | 'discover-sessions';
type BootstrapLambda = 'connect-migrators' | 'logs' | 'master-secret' | 'network-interfaces';

/**
 * The policies of the Terraform modules in `infra/`, by the names of their templates and to the letter: what a test
 * passes with here, it passes with on AWS. They are written again because this package is installed without `infra/`;
 * `tools/infra` holds each against its template.
 */
export const ciAccess: Templates<CiAccess> = {
  'ci-connect': (scope) =>
    policy(allow('ConnectAsTestRoles', 'rds-db:connect', databaseUserArn(scope, 'pt_*'))),
  'ci-target-instance': ({ region, accountId, jumpHostTag: { key, value } }) =>
    policy({
      ...allow('StartOnTheTaggedJumpHost', 'ssm:StartSession', [
        `arn:aws:ec2:${region}:${accountId}:instance/*`,
      ]),
      Condition: {
        StringEquals: { [`ssm:resourceTag/${key}`]: value },
        // Without it, permission on the instance alone would also open a shell.
        BoolIfExists: { 'ssm:SessionDocumentAccessCheck': 'true' },
      },
    }),
  'ci-test-databases': ({ functions, ...scope }) =>
    policy(allow('InvokeTestDatabases', 'lambda:InvokeFunction', functionArn(scope, functions.testdb))),
  'ci-tunnel': ({ region, accountId, document }) => {
    const ssm = `arn:aws:ssm:${region}:${accountId}`;
    return policy(
      {
        ...allow('StartWithTheDatabasesDocument', 'ssm:StartSession', `${ssm}:document/${document}`),
        // AWS enforces it only if each statement that allows StartSession has it.
        Condition: { BoolIfExists: { 'ssm:SessionDocumentAccessCheck': 'true' } },
      },
      allow('OpenDataChannel', 'ssmmessages:OpenDataChannel', '*'),
      {
        ...allow('OwnSessions', ['ssm:ResumeSession', 'ssm:TerminateSession'], `${ssm}:session/*`),
        Condition: { StringLike: { 'ssm:resourceTag/aws:ssmmessages:session-id': `\${aws:userid}` } },
      },
    );
  },
  'deploy-bootstrap': ({ functions, ...scope }) =>
    policy(allow('InvokeBootstrap', 'lambda:InvokeFunction', functionArn(scope, functions.bootstrap))),
  'deploy-code': (scope) =>
    policy(
      allow(
        'ReplaceTheArtefact',
        ['lambda:UpdateFunctionCode', 'lambda:GetFunction', 'lambda:GetFunctionConfiguration'],
        bothFunctions(scope),
      ),
    ),
  'developer-connect': (scope) =>
    policy(allow('ConnectAsNamedUsers', 'rds-db:connect', [databaseUserArn(scope, 'developer')])),
  'discover-cluster': ({ clusterArn }) =>
    policy(allow('DescribeTheCluster', 'rds:DescribeDBClusters', clusterArn)),
  'discover-jump-host': () => policy(allow('FindManagedNodesByTag', 'ssm:DescribeInstanceInformation', '*')),
  'discover-sessions': () => policy(allow('FindLeftoverSessions', 'ssm:DescribeSessions', '*')),
};

/** Those of the functions' execution roles. */
export const bootstrapLambda: Templates<BootstrapLambda, FunctionScope> = {
  'connect-migrators': (scope) =>
    policy(allow('ConnectAsMigrators', 'rds-db:connect', databaseUserArn(scope, '*_migrator'))),
  logs: ({ region, accountId, functionName }) =>
    policy(
      allow(
        'OwnLogGroup',
        ['logs:CreateLogStream', 'logs:PutLogEvents'],
        `arn:aws:logs:${region}:${accountId}:log-group:/aws/lambda/${functionName}:*`,
      ),
    ),
  'master-secret': ({ masterSecretArn }) =>
    policy(allow('ReadTheMasterSecret', 'secretsmanager:GetSecretValue', masterSecretArn)),
  'network-interfaces': ({ functionName, ...scope }) =>
    policy(
      allow(
        'LambdaAttachesTheFunction',
        [
          'ec2:AssignPrivateIpAddresses',
          'ec2:CreateNetworkInterface',
          'ec2:DeleteNetworkInterface',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeSubnets',
          'ec2:UnassignPrivateIpAddresses',
        ],
        '*',
      ),
      {
        Sid: 'NotTheFunctionsOwnCode',
        Effect: 'Deny',
        Action: 'ec2:*',
        Resource: '*',
        Condition: { ArnEquals: { 'lambda:SourceFunctionArn': functionArn(scope, functionName) } },
      },
    ),
};

/** Those of an instance with the agent. */
export const jumpHost: Templates<'agent-sessions'> = {
  'agent-sessions': ({ region, accountId }) =>
    policy(
      allow('Register', 'ssm:UpdateInstanceInformation', `arn:aws:ec2:${region}:${accountId}:instance/*`),
      allow(
        'ServeSessions',
        [
          'ssmmessages:CreateControlChannel',
          'ssmmessages:CreateDataChannel',
          'ssmmessages:OpenControlChannel',
          'ssmmessages:OpenDataChannel',
        ],
        '*',
      ),
    ),
};

/** Who may take the roles. */
export const trust: {
  github: (scope: PrincipalScope, subjects: readonly string[]) => PolicyDocument;
  githubDeploy: (
    scope: PrincipalScope,
    subjects: readonly string[],
    refs: readonly string[],
  ) => PolicyDocument;
  lambda: () => PolicyDocument;
  ec2: () => PolicyDocument;
} = {
  github: (scope, sub) => policy(trustGithub('GitHubActions', scope, { sub })),
  githubDeploy: (scope, sub, ref) => policy(trustGithub('GitHubActionsOfBranches', scope, { ref, sub })),
  lambda: () => policy(trustService('Lambda', 'lambda.amazonaws.com')),
  ec2: () => policy(trustService('Instances', 'ec2.amazonaws.com')),
};

export function policy(...statements: readonly PolicyStatement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

export function allow(
  Sid: string,
  Action: string | readonly string[],
  Resource: string | readonly string[],
): PolicyStatement {
  return { Sid, Effect: 'Allow', Action, Resource };
}

type Account = Pick<PrincipalScope, 'region' | 'accountId'>;

export function bothFunctions({ functions, ...scope }: PrincipalScope): readonly string[] {
  return [functions.bootstrap, functions.testdb].map((name) => functionArn(scope, name));
}

function functionArn({ region, accountId }: Account, name: string): string {
  return `arn:aws:lambda:${region}:${accountId}:function:${name}`;
}

/** `rds-db:connect` asks for the cluster's resource id, never its identifier. */
function databaseUserArn({ region, accountId, clusterResourceId }: PrincipalScope, user: string): string {
  return `arn:aws:rds-db:${region}:${accountId}:dbuser:${clusterResourceId}/${user}`;
}

function trustGithub(
  Sid: string,
  { accountId }: PrincipalScope,
  claims: Readonly<Record<string, readonly string[]>>,
): PolicyStatement {
  const provider = 'token.actions.githubusercontent.com';
  const wanted = Object.entries(claims).map(([claim, values]) => [`${provider}:${claim}`, values]);
  return {
    Sid,
    Effect: 'Allow',
    Principal: { Federated: `arn:aws:iam::${accountId}:oidc-provider/${provider}` },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: { StringEquals: { [`${provider}:aud`]: 'sts.amazonaws.com', ...Object.fromEntries(wanted) } },
  };
}

function trustService(Sid: string, Service: string): PolicyStatement {
  return { Sid, Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole' };
}
