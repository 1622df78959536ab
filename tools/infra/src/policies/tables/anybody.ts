import {
  cluster,
  dbUser,
  documents,
  functions,
  keys,
  logs,
  roleArns,
  secrets,
  session,
  targets,
} from './scene.ts';

/** What would undo the rest, and which of all roles may do it: action, resource, titles of tables. */
export type AnybodyRow = readonly [action: string, resource: string, allowed: readonly string[]];

const bothFunctions = ['The function bootstrap', 'The function testdb'];
const everyCi = [
  'CI',
  'CI with everything named in the configuration',
  'CI with an ECS task as the jump host',
];
const self = roleArns.ci;
const policy = 'arn:aws:iam::123456789012:policy/postern-connect-ledger-staging';
const group = 'arn:aws:ec2:eu-west-2:123456789012:security-group/sg-0a1b2c3d4e5f60718';

export const anybody: readonly AnybodyRow[] = [
  // More permissions
  ['iam:PassRole', roleArns.bootstrap, []],
  ['iam:PutRolePolicy', self, []],
  ['iam:AttachRolePolicy', self, []],
  ['iam:CreatePolicyVersion', policy, []],
  ['iam:DeleteRolePermissionsBoundary', self, []],
  ['iam:UpdateAssumeRolePolicy', self, []],
  ['iam:CreateAccessKey', 'arn:aws:iam::123456789012:user/ada', []],
  ['iam:CreateUser', 'arn:aws:iam::123456789012:user/mallory', []],
  ['sts:AssumeRole', roleArns.ci, []],
  ['sts:AssumeRole', roleArns.deploy, []],
  ['sts:AssumeRole', roleArns.developer, []],
  ['sts:AssumeRole', roleArns.bootstrap, []],
  ['sts:AssumeRole', roleArns.testdb, []],
  // The master
  ['secretsmanager:GetSecretValue', secrets.master, bothFunctions],
  ['secretsmanager:GetSecretValue', secrets.masterOfProduction, []],
  ['secretsmanager:PutSecretValue', secrets.master, []],
  ['secretsmanager:PutResourcePolicy', secrets.master, []],
  ['secretsmanager:ListSecrets', '*', []],
  ['kms:Decrypt', keys.own, []],
  ['kms:CreateGrant', keys.own, []],
  ['kms:PutKeyPolicy', keys.own, []],
  ['rds-db:connect', dbUser('posternmaster'), []],
  ['rds-db:connect', dbUser('rds_superuser'), []],
  ['rds:ModifyDBCluster', cluster, []],
  ['rds:RestoreDBClusterToPointInTime', cluster, []],
  ['rds:CreateDBClusterSnapshot', cluster, []],
  ['rds:DeleteDBCluster', cluster, []],
  ['rds:RemoveRoleFromDBCluster', cluster, []],
  ['rds-data:ExecuteStatement', cluster, []],
  // Real data
  ['rds-db:connect', dbUser('ledger_owner'), []],
  ['rds-db:connect', dbUser('ledger_app'), []],
  ['rds-db:connect', dbUser('ledger_migrator'), ['The function bootstrap']],
  [
    'rds-db:connect',
    dbUser('ledger_readonly'),
    ['Developer', "An application's role with database-user", 'RDS Proxy'],
  ],
  ['rds-db:connect', dbUser('pt_ledger_app'), [...everyCi, 'Developer']],
  ['rds:DownloadDBLogFilePortion', cluster, []],
  ['logs:GetLogEvents', logs.own, []],
  // The functions
  ['lambda:InvokeFunction', functions.bootstrap, ['Deploy', 'Deploy with deploy_code', 'Developer']],
  ['lambda:InvokeFunction', functions.testdb, [...everyCi, 'Developer', 'The schedule of sweeps']],
  ['lambda:InvokeFunction', functions.other, []],
  ['lambda:UpdateFunctionCode', functions.bootstrap, ['Deploy with deploy_code']],
  ['lambda:UpdateFunctionCode', functions.other, []],
  ['lambda:UpdateFunctionConfiguration', functions.bootstrap, []],
  ['lambda:AddPermission', functions.bootstrap, []],
  ['lambda:CreateFunction', functions.other, []],
  ['lambda:CreateFunctionUrlConfig', functions.bootstrap, []],
  ['lambda:PutFunctionEventInvokeConfig', functions.bootstrap, []],
  // The jump host
  ['ssm:SendCommand', targets.jumpHost.arn, []],
  ['ssm:SendCommand', documents.runShellScript, []],
  ['ssm:StartAutomationExecution', documents.runShellScript, []],
  ['ssm:CreateAssociation', documents.runShellScript, []],
  ['ssm:CreateDocument', documents.longerName, []],
  ['ssm:UpdateDocument', documents.own, []],
  ['ssm:UpdateServiceSetting', 'arn:aws:ssm:eu-west-2:123456789012:servicesetting/ssm/x', []],
  ['ssm:GetParametersByPath', 'arn:aws:ssm:eu-west-2:123456789012:parameter/app', []],
  ['ssm:TerminateSession', session.here, []],
  ['ecs:ExecuteCommand', targets.task.arn, []],
  ['ecs:RegisterTaskDefinition', '*', []],
  ['ec2:CreateTags', targets.untagged.arn, []],
  ['ec2:ModifyInstanceAttribute', targets.jumpHost.arn, []],
  ['ec2:ModifyInstanceMetadataOptions', targets.jumpHost.arn, []],
  ['ec2:AuthorizeSecurityGroupIngress', group, []],
  ['ec2:RunInstances', '*', []],
  ['ec2-instance-connect:SendSSHPublicKey', targets.jumpHost.arn, []],
  ['ec2-instance-connect:OpenTunnel', targets.jumpHost.arn, []],
  // Traces
  ['logs:DeleteLogGroup', logs.ownGroup, []],
  ['logs:PutRetentionPolicy', logs.ownGroup, []],
  ['cloudtrail:StopLogging', 'arn:aws:cloudtrail:eu-west-2:123456789012:trail/all', []],
];
