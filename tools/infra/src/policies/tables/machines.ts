import type { CallRow, RoleTable } from './row.ts';
import {
  cluster,
  dbUser,
  documents,
  functions,
  keys,
  logs,
  otherDbUser,
  region,
  repositories,
  roleArns,
  secrets,
  session,
  targets,
} from './scene.ts';

/** The key that Lambda adds to calls of a function's code, and leaves out of its own with the function's role. */
const fromCode = { 'lambda:SourceFunctionArn': functions.bootstrap };
const fromTestdbCode = { 'lambda:SourceFunctionArn': functions.testdb };
/** What KMS is told when Secrets Manager decrypts for somebody. */
const decrypting = (secret: string, via = 'secretsmanager'): Record<string, string> => ({
  'kms:ViaService': `${via}.${region}.amazonaws.com`,
  'kms:EncryptionContext:SecretARN': secret,
});

/** What both functions may, `code` being the key of their own calls. */
const anyFunction = (code: Record<string, string>): readonly CallRow[] => [
  ['allow', 'secretsmanager:GetSecretValue', secrets.master, 'logging in as the master', code],
  ['deny', 'secretsmanager:GetSecretValue', secrets.masterOfProduction, "another database's master", code],
  ['deny', 'secretsmanager:GetSecretValue', secrets.other, 'another secret', code],
  ['deny', 'secretsmanager:PutSecretValue', secrets.master, 'another password', code],
  ['deny', 'secretsmanager:DescribeSecret', secrets.master, 'nothing asks this', code],
  [
    'allow',
    'kms:Decrypt',
    keys.own,
    'the secret, by Secrets Manager',
    { ...code, ...decrypting(secrets.master) },
  ],
  ['deny', 'kms:Decrypt', keys.own, 'another secret', { ...code, ...decrypting(secrets.other) }],
  ['deny', 'kms:Decrypt', keys.own, 'a parameter', { ...code, ...decrypting(secrets.master, 'ssm') }],
  ['deny', 'kms:Decrypt', keys.own, 'anything, by itself', code],
  ['deny', 'kms:Decrypt', keys.other, 'another key', { ...code, ...decrypting(secrets.master) }],
  ['deny', 'kms:Encrypt', keys.own, 'a secret of its own', { ...code, ...decrypting(secrets.master) }],
  ['allow', 'logs:CreateLogStream', logs.own, 'its own log'],
  ['allow', 'logs:PutLogEvents', logs.own, 'its own log'],
  ['deny', 'logs:CreateLogGroup', logs.ownGroup, 'a group without retention'],
  ['deny', 'logs:PutLogEvents', logs.other, "another function's log", code],
  ['deny', 'logs:DeleteLogStream', logs.own, 'taking traces away', code],
  ['allow', 'ec2:CreateNetworkInterface', '*', 'Lambda attaches the function'],
  ['allow', 'ec2:DeleteNetworkInterface', '*', 'Lambda takes it away'],
  ['allow', 'ec2:DescribeNetworkInterfaces', '*', 'Lambda looks for it'],
  ['allow', 'ec2:DescribeSubnets', '*', 'Lambda looks for its subnets'],
  ['allow', 'ec2:AssignPrivateIpAddresses', '*', 'Lambda gives it an address'],
  ['allow', 'ec2:UnassignPrivateIpAddresses', '*', 'Lambda takes the address'],
  ['deny', 'ec2:RunInstances', '*', 'a machine'],
  ['deny', 'ec2:CreateNetworkInterface', '*', "the function's own code", code],
  ['deny', 'ec2:DeleteNetworkInterface', '*', "the function's own code", code],
  ['deny', 'ec2:DescribeSubnets', '*', "the function's own code", code],
  ['allow', 'xray:PutTraceSegments', '*', 'traces'],
  ['allow', 'xray:PutTelemetryRecords', '*', 'traces'],
  ['deny', 'xray:GetTraceSummaries', '*', 'traces of others', code],
  ['deny', 'rds-db:connect', dbUser('posternmaster'), 'the master has a password', code],
  ['deny', 'rds-db:connect', dbUser('ledger_app'), 'the application', code],
  ['deny', 'rds-db:connect', dbUser('pt_ledger_app'), 'a test role', code],
  ['deny', 'rds:DescribeDBClusters', cluster, 'its environment names the database', code],
  ['deny', 'rds:ModifyDBCluster', cluster, 'the cluster', code],
  ['deny', 'lambda:UpdateFunctionCode', functions.bootstrap, 'code', code],
  ['deny', 'lambda:InvokeFunction', functions.bootstrap, 'functions', code],
  ['deny', 'lambda:InvokeFunction', functions.testdb, 'functions', code],
  ['deny', 'iam:PassRole', roleArns.bootstrap, 'a role for somebody', code],
  ['deny', 'sts:AssumeRole', roleArns.deploy, 'another role', code],
  ['deny', 'ssm:StartSession', targets.jumpHost.arn, 'sessions', code],
  ['deny', 's3:GetObject', 'arn:aws:s3:::artefacts/bootstrap.zip', 'buckets', code],
];

export const bootstrap: RoleTable = {
  title: 'The function bootstrap',
  role: 'bootstrap',
  calls: [
    ['allow', 'rds-db:connect', dbUser('ledger_migrator'), 'migrations', fromCode],
    ['allow', 'rds-db:connect', dbUser('billing_migrator'), 'migrations', fromCode],
    ['deny', 'rds-db:connect', dbUser('ledger_migrator_2'), 'a name that only begins so', fromCode],
    ['deny', 'rds-db:connect', otherDbUser.cluster('ledger_migrator'), 'another cluster', fromCode],
    ['deny', 'rds-db:connect', otherDbUser.identifier('ledger_migrator'), 'the identifier', fromCode],
    ['deny', 'rds-db:connect', otherDbUser.account('ledger_migrator'), 'another account', fromCode],
    ['deny', 'rds-db:connect', otherDbUser.region('ledger_migrator'), 'another region', fromCode],
    ...anyFunction(fromCode),
  ],
};

export const testdb: RoleTable = {
  title: 'The function testdb',
  role: 'testdb',
  variables: { function_arn: functions.testdb },
  calls: [
    ['deny', 'rds-db:connect', dbUser('ledger_migrator'), 'it migrates nothing', fromTestdbCode],
    [
      'deny',
      'rds-db:connect',
      dbUser('pt_ledger_migrator'),
      'the client migrates test databases',
      fromTestdbCode,
    ],
    ...anyFunction(fromTestdbCode),
  ],
};

export const scheduler: RoleTable = {
  title: 'The schedule of sweeps',
  role: 'sweep-scheduler',
  calls: [
    ['allow', 'lambda:InvokeFunction', functions.testdb, 'sweeping'],
    ['deny', 'lambda:InvokeFunction', functions.bootstrap, 'migrating'],
    ['deny', 'lambda:InvokeFunction', functions.other, 'other functions'],
    ['deny', 'lambda:UpdateFunctionCode', functions.testdb, 'code'],
    ['deny', 'secretsmanager:GetSecretValue', secrets.master, "the master's password"],
  ],
};

/** What the agent says of sessions, wherever it runs. */
const servesSessions: readonly CallRow[] = [
  ['allow', 'ssmmessages:CreateControlChannel', '*', 'waiting for sessions'],
  ['allow', 'ssmmessages:OpenControlChannel', '*', 'waiting for sessions'],
  ['allow', 'ssmmessages:CreateDataChannel', '*', 'serving one'],
  ['allow', 'ssmmessages:OpenDataChannel', '*', 'serving one'],
  ['deny', 'ssm:StartSession', targets.jumpHost.arn, 'a session of its own'],
  ['deny', 'ssm:StartSession', targets.ofProduction.arn, 'a way to the next machine'],
  ['deny', 'ssm:ResumeSession', session.here, "somebody's session"],
  ['deny', 'ssm:SendCommand', targets.untagged.arn, 'commands elsewhere'],
  ['deny', 'ssm:GetParameter', 'arn:aws:ssm:eu-west-2:123456789012:parameter/app', 'parameters'],
  ['deny', 'secretsmanager:GetSecretValue', secrets.master, "the master's password"],
  ['deny', 'secretsmanager:GetSecretValue', secrets.other, 'secrets'],
  ['deny', 'kms:Decrypt', keys.own, 'keys'],
  ['deny', 'rds-db:connect', dbUser('pt_ledger_app'), 'it forwards bytes and logs in as nobody'],
  ['deny', 'rds-db:connect', dbUser('ledger_app'), 'the application'],
  ['deny', 'rds-db:connect', dbUser('posternmaster'), 'the master'],
  ['deny', 'rds:DescribeDBClusters', cluster, 'what there is'],
  ['deny', 'lambda:InvokeFunction', functions.testdb, 'functions'],
  ['deny', 'lambda:InvokeFunction', functions.bootstrap, 'functions'],
  ['deny', 'ec2:DescribeInstances', '*', 'its neighbours'],
  ['deny', 's3:GetObject', 'arn:aws:s3:::artefacts/bootstrap.zip', 'buckets'],
  ['deny', 'sts:AssumeRole', roleArns.deploy, 'another role'],
  ['deny', 'iam:PassRole', roleArns.bootstrap, 'a role for somebody'],
];

const elsewhere = targets.otherAccount.arn;
const association = 'arn:aws:ssm:eu-west-2:123456789012:association/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9';

export const jumpHost: RoleTable = {
  title: 'The jump host',
  role: 'jump-host',
  calls: [
    ...servesSessions,
    ['allow', 'ssm:UpdateInstanceInformation', targets.jumpHost.arn, 'registering'],
    ['deny', 'ssm:UpdateInstanceInformation', elsewhere, "another account's instance"],
    ['allow', 'ssm:GetDocument', documents.updateAgent, 'updating the agent'],
    ['allow', 'ssm:DescribeDocument', documents.updateAgent, 'updating the agent'],
    ['deny', 'ssm:GetDocument', documents.runShellScript, 'any other document'],
    ['deny', 'ssm:GetDocument', documents.own, 'the document of sessions'],
    ['deny', 'ssm:UpdateDocument', documents.own, 'another host in the document'],
    [
      'allow',
      's3:GetObject',
      'arn:aws:s3:::amazon-ssm-eu-west-2/latest/linux_arm64/a.rpm',
      'downloading the agent',
    ],
    [
      'deny',
      's3:GetObject',
      'arn:aws:s3:::amazon-ssm-us-east-1/latest/linux_arm64/a.rpm',
      'what is elsewhere',
    ],
    [
      'deny',
      's3:PutObject',
      'arn:aws:s3:::amazon-ssm-eu-west-2/latest/linux_arm64/a.rpm',
      'leaving something',
    ],
    ['allow', 'ssm:ListAssociations', '*', 'what it is asked to run'],
    ['allow', 'ssm:ListInstanceAssociations', targets.jumpHost.arn, 'what it is asked to run'],
    ['deny', 'ssm:ListInstanceAssociations', elsewhere, "another account's"],
    ['allow', 'ssm:DescribeAssociation', association, 'what it is asked to run'],
    ['allow', 'ssm:PutComplianceItems', targets.jumpHost.arn, 'how it went'],
    ['allow', 'ssm:UpdateAssociationStatus', documents.updateAgent, 'how it went'],
    ['allow', 'ssm:UpdateInstanceAssociationStatus', association, 'how it went'],
    ['deny', 'ssm:CreateAssociation', documents.updateAgent, 'asking others to run something'],
    ['deny', 'ssm:StartAssociationsOnce', association, 'asking others to run something'],
  ],
};

export const task: RoleTable = {
  title: 'The jump host as a task',
  role: 'jump-host-task',
  calls: [
    ...servesSessions,
    ['deny', 'ssm:UpdateInstanceInformation', targets.jumpHost.arn, 'a task is no managed node'],
    ['deny', 'ecs:ExecuteCommand', targets.task.arn, 'a command in the container'],
  ],
};

export const taskExecution: RoleTable = {
  title: "ECS, starting the jump host's task",
  role: 'jump-host-execution',
  calls: [
    ['allow', 'ecr:GetAuthorizationToken', '*', 'signing in to the registry'],
    ['allow', 'ecr:BatchCheckLayerAvailability', repositories.own, 'pulling the image'],
    ['allow', 'ecr:GetDownloadUrlForLayer', repositories.own, 'pulling the image'],
    ['allow', 'ecr:BatchGetImage', repositories.own, 'pulling the image'],
    ['deny', 'ecr:BatchGetImage', repositories.other, 'another image'],
    ['deny', 'ecr:PutImage', repositories.own, 'another jump host'],
    ['deny', 'ecr:DescribeRepositories', '*', 'what there is'],
    ['deny', 'secretsmanager:GetSecretValue', secrets.master, "the master's password"],
    ['deny', 'ssmmessages:OpenDataChannel', '*', "sessions are the task role's"],
  ],
};

export const proxy: RoleTable = {
  title: 'RDS Proxy',
  role: 'proxy',
  calls: [
    ['allow', 'rds-db:connect', dbUser('ledger_readonly'), 'a user of the proxy'],
    ['allow', 'rds-db:connect', dbUser('billing_readonly'), 'a user of the proxy'],
    ['deny', 'rds-db:connect', dbUser('ledger_app'), 'a user that is not named'],
    ['deny', 'rds-db:connect', dbUser('posternmaster'), 'the master'],
    ['deny', 'rds-db:connect', otherDbUser.cluster('ledger_readonly'), 'another cluster'],
    ['deny', 'secretsmanager:GetSecretValue', secrets.master, "the master's password"],
  ],
};
