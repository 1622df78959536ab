import type { CallRow, RoleTable, SessionRow } from './row.ts';
import {
  cluster,
  dbUser,
  documents,
  functions,
  inCluster,
  keys,
  logs,
  otherCluster,
  otherDbUser,
  roleArns,
  secrets,
  session,
  targets,
  withoutDocumentCheck,
} from './scene.ts';

const owner = (userId: string): Record<string, string> => ({
  'ssm:resourceTag/aws:ssmmessages:session-id': userId,
  'ssm:resourceTag/aws:ssmmessages:target-id': 'i-0a1b2c3d4e5f60718',
});
const mine = owner('AROAEXAMPLEEXAMPLE123:run-7');

const tunnels: readonly SessionRow[] = [
  ['allow', targets.jumpHost, documents.own, 'a tunnel to the database'],
  ['deny', targets.jumpHost, undefined, 'a shell, by naming no document'],
  ['deny', targets.jumpHost, documents.shellPreferences, 'a shell, by its document'],
  ['deny', targets.jumpHost, documents.interactiveCommand, 'a command with a terminal'],
  ['deny', targets.jumpHost, documents.nonInteractiveCommand, 'a command without one'],
  ['deny', targets.jumpHost, documents.ssh, 'SSH through the session'],
  ['deny', targets.jumpHost, documents.portOfTheHost, 'a port of the jump host itself'],
  ['deny', targets.jumpHost, documents.socketOfTheHost, 'a socket of the jump host itself'],
  ['deny', targets.jumpHost, documents.remoteHost, "any host: AWS's document takes it as a parameter"],
  ['deny', targets.jumpHost, documents.ofProduction, "another environment's database"],
  ['deny', targets.jumpHost, documents.longerName, 'a document whose name only begins alike'],
  ['deny', targets.jumpHost, documents.otherAccount, 'a document that another account shares'],
  ['deny', targets.jumpHost, documents.otherRegion, 'a document of another region'],
  ['deny', targets.untagged, documents.own, 'an instance that is no jump host'],
  ['deny', targets.untagged, undefined, 'a shell on an instance that is no jump host'],
  ['deny', targets.ofProduction, documents.own, "another environment's jump host"],
  ['deny', targets.namedAlike, documents.own, 'an instance with the value under other keys'],
  ['deny', targets.otherCase, documents.own, 'a tag in another letter case'],
  ['deny', targets.otherAccount, documents.own, "another account's jump host"],
  ['deny', targets.otherRegion, documents.own, "another region's jump host"],
  ['deny', targets.onPremises, documents.own, 'a tagged machine outside of EC2'],
  ['deny', targets.task, documents.own, 'an ECS task, where the jump host is an instance'],
];

const sessions: readonly CallRow[] = [
  ['deny', 'ssm:StartSession', documents.own, 'a session whose document nobody checks', withoutDocumentCheck],
  ['allow', 'ssmmessages:OpenDataChannel', '*', 'the channel of a tunnel, for which IAM knows no resource'],
  ['deny', 'ssmmessages:OpenControlChannel', '*', 'posing as an agent'],
  ['allow', 'ssm:ResumeSession', session.here, 'its own session', mine],
  ['allow', 'ssm:TerminateSession', session.here, 'its own session', mine],
  ['deny', 'ssm:ResumeSession', session.here, "another job's session", owner('AROAEXAMPLEEXAMPLE123:run-8')],
  [
    'deny',
    'ssm:TerminateSession',
    session.here,
    "another job's session",
    owner('AROAEXAMPLEEXAMPLE123:run-8'),
  ],
  [
    'deny',
    'ssm:TerminateSession',
    session.here,
    "another role's session",
    owner('AROAOTHEROTHEROTHER12:run-7'),
  ],
  ['deny', 'ssm:TerminateSession', session.here, "a user's session", owner('AIDAEXAMPLEEXAMPLE123')],
  ['deny', 'ssm:TerminateSession', session.here, 'a session without an owner'],
  ['deny', 'ssm:TerminateSession', session.otherAccount, "another account's session", mine],
  ['deny', 'ssm:ResumeSession', session.otherRegion, "another region's session", mine],
  ['deny', 'ssm:SendCommand', targets.jumpHost.arn, 'a command on the jump host'],
  ['deny', 'ssm:SendCommand', documents.runShellScript, 'a command on the jump host'],
  ['deny', 'ssm:StartAutomationExecution', documents.runShellScript, 'an automation'],
  ['deny', 'ssm:UpdateDocument', documents.own, 'another host in the document'],
  ['deny', 'ssm:UpdateDocumentDefaultVersion', documents.own, 'an older version of the document'],
  ['deny', 'ssm:CreateDocument', documents.longerName, 'a document of its own'],
  ['deny', 'ssm:ModifyDocumentPermission', documents.own, 'sharing the document'],
  ['deny', 'ec2:CreateTags', targets.untagged.arn, 'making another instance a jump host'],
  ['deny', 'ssm:GetParameter', 'arn:aws:ssm:eu-west-2:123456789012:parameter/app', 'parameters'],
  ['deny', 'ec2-instance-connect:SendSSHPublicKey', targets.jumpHost.arn, 'a key on the jump host'],
];

const logins: readonly CallRow[] = [
  ['allow', 'rds-db:connect', dbUser('pt_ledger_app'), 'a test role'],
  ['allow', 'rds-db:connect', dbUser('pt_ledger_migrator'), 'the migrator of test databases'],
  ['allow', 'rds-db:connect', dbUser('pt_lease'), 'the role that keeps leases'],
  ['deny', 'rds-db:connect', dbUser('ledger_app'), 'the application'],
  ['deny', 'rds-db:connect', dbUser('ledger_readonly'), 'a reader of real data'],
  ['deny', 'rds-db:connect', dbUser('ledger_migrator'), 'the migrator'],
  ['deny', 'rds-db:connect', dbUser('ledger_owner'), 'the owner'],
  ['deny', 'rds-db:connect', dbUser('postern_master'), 'the master'],
  ['deny', 'rds-db:connect', dbUser('rdsadmin'), "AWS's own user"],
  ['deny', 'rds-db:connect', dbUser('PT_ledger_app'), 'another letter case is another role'],
  ['deny', 'rds-db:connect', dbUser('opt_ledger_app'), 'a name that only holds pt_'],
  ['deny', 'rds-db:connect', dbUser('ledger_pt_app'), 'a name that only holds pt_'],
  ['deny', 'rds-db:connect', otherDbUser.cluster('pt_ledger_app'), 'another cluster'],
  ['deny', 'rds-db:connect', otherDbUser.identifier('pt_ledger_app'), 'the identifier is no resource id'],
  ['deny', 'rds-db:connect', otherDbUser.account('pt_ledger_app'), 'another account'],
  ['deny', 'rds-db:connect', otherDbUser.region('pt_ledger_app'), 'another region'],
];

const others: readonly CallRow[] = [
  ['allow', 'lambda:InvokeFunction', functions.testdb, 'asking for test databases'],
  ['deny', 'lambda:InvokeFunction', functions.bootstrap, 'applying and migrating is for deploys'],
  ['deny', 'lambda:InvokeFunction', functions.testdbOfProduction, "another environment's function"],
  ['deny', 'lambda:InvokeFunction', functions.other, "somebody else's function"],
  ['deny', 'lambda:InvokeFunction', `${functions.testdb}:1`, 'an older version'],
  ['deny', 'lambda:GetFunction', functions.testdb, 'the code'],
  ['deny', 'lambda:UpdateFunctionCode', functions.testdb, 'code that would run as the master'],
  ['deny', 'lambda:UpdateFunctionConfiguration', functions.testdb, 'other allowed actions'],
  ['deny', 'lambda:AddPermission', functions.testdb, 'letting others in'],
  ['deny', 'secretsmanager:GetSecretValue', secrets.master, "the master's password"],
  ['deny', 'secretsmanager:PutSecretValue', secrets.master, "the master's password"],
  ['deny', 'kms:Decrypt', keys.own, 'the key of the secret'],
  ['deny', 'rds:ModifyDBCluster', cluster, 'a new master password'],
  ['deny', 'rds:RestoreDBClusterToPointInTime', cluster, 'a copy of its own'],
  ['deny', 'rds:DeleteDBCluster', cluster, 'the end of it'],
  ['deny', 'rds-data:ExecuteStatement', cluster, 'the Data API'],
  ['deny', 'iam:PassRole', roleArns.bootstrap, 'a function as the master'],
  ['deny', 'iam:PutRolePolicy', roleArns.ci, 'more for itself'],
  ['deny', 'iam:UpdateAssumeRolePolicy', roleArns.deploy, 'another way in'],
  ['deny', 'sts:AssumeRole', roleArns.deploy, 'the deploy role'],
  ['deny', 'sts:AssumeRole', roleArns.bootstrap, "the function's role"],
  ['deny', 'logs:GetLogEvents', logs.own, 'logs'],
];

const discovery: readonly CallRow[] = [
  ['allow', 'rds:DescribeDBClusters', cluster, 'endpoint and resource id'],
  ['deny', 'rds:DescribeDBClusters', otherCluster, 'another cluster'],
  ['deny', 'rds:DescribeDBClusters', 'arn:aws:rds:eu-west-2:123456789012:cluster:*', 'the list of clusters'],
  ['deny', 'rds:DownloadDBLogFilePortion', cluster, "the database's log"],
  ['allow', 'ssm:DescribeSessions', '*', 'what a killed process left open'],
  ['deny', 'ssm:GetConnectionStatus', targets.jumpHost.arn, 'nothing asks this'],
];

const managedNodes: readonly CallRow[] = [
  ['allow', 'ssm:DescribeInstanceInformation', '*', 'the jump host by its tag'],
  ['deny', 'ssm:GetInventory', '*', 'what is installed where'],
  ['deny', 'ecs:ListTasks', '*', 'tasks, where the jump host is an instance', inCluster.own],
];

/** The role of the modules' defaults: an instance as the jump host, everything discovered. */
export const ci: RoleTable = {
  title: 'CI',
  role: 'ci',
  without: ['ci-access/ci-target-task', 'ci-access/discover-tasks'],
  sessions: tunnels,
  calls: [...sessions, ...logins, ...others, ...discovery, ...managedNodes],
};

export const ciWithStaticConfiguration: RoleTable = {
  title: 'CI with everything named in the configuration',
  role: 'ci',
  without: [
    'ci-access/ci-target-task',
    'ci-access/discover-cluster',
    'ci-access/discover-jump-host',
    'ci-access/discover-sessions',
    'ci-access/discover-tasks',
  ],
  sessions: tunnels,
  calls: [
    ...sessions,
    ...logins,
    ...others,
    ['deny', 'rds:DescribeDBClusters', cluster, 'the configuration names endpoint and resource id'],
    ['deny', 'ssm:DescribeInstanceInformation', '*', 'the configuration names the jump host'],
    ['deny', 'ssm:DescribeSessions', '*', 'leftovers end at their idle timeout'],
  ],
};

export const ciWithTask: RoleTable = {
  title: 'CI with an ECS task as the jump host',
  role: 'ci',
  without: ['ci-access/ci-target-instance', 'ci-access/discover-jump-host'],
  variables: { target_arns: ['arn:aws:ecs:eu-west-2:123456789012:task/app-staging-jump-host/*'] },
  sessions: [
    ['allow', targets.task, documents.own, 'a tunnel to the database'],
    ['deny', targets.task, undefined, 'a shell in the container, by naming no document'],
    ['deny', targets.task, documents.shellPreferences, 'a shell in the container'],
    ['deny', targets.task, documents.interactiveCommand, 'a command in the container'],
    ['deny', targets.task, documents.remoteHost, 'any host'],
    ['deny', targets.otherTask, documents.own, "another cluster's task"],
    ['deny', targets.jumpHost, documents.own, 'an instance, tagged as it may be'],
  ],
  calls: [
    ['allow', 'ecs:ListTasks', '*', 'the task of the jump host', inCluster.own],
    ['deny', 'ecs:ListTasks', '*', "another cluster's tasks", inCluster.other],
    ['deny', 'ecs:ListTasks', '*', 'tasks of no named cluster'],
    ['allow', 'ecs:DescribeTasks', targets.task.arn, 'its runtime id', inCluster.own],
    ['deny', 'ecs:DescribeTasks', targets.otherTask.arn, "another cluster's task", inCluster.other],
    ['deny', 'ecs:ExecuteCommand', targets.task.arn, 'a command in the container', inCluster.own],
    ['deny', 'ecs:StopTask', targets.task.arn, 'the end of it', inCluster.own],
    ['deny', 'ssm:DescribeInstanceInformation', '*', 'tasks are no managed nodes'],
    ...sessions,
    ...logins,
    ...others,
    ...discovery,
  ],
};
