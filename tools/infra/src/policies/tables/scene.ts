/*
 * The environment that the rows speak of: one account, one region, app-staging, and what stands beside it.
 */
import type { PolicyVariables } from '../render-policy.ts';

type Named<Name extends string, Value = string> = Readonly<Record<Name, Value>>;

export const account = '123456789012';
export const region = 'eu-west-2';
const here = `${region}:${account}`;
/** The same name in another account, and in another region. */
const elsewhere = `${region}:210987654321`;
const abroad = `us-east-1:${account}`;

/** What a session can be started on; tags as the service sends them with the request. */
export interface Target {
  readonly arn: string;
  readonly tags: Readonly<Record<string, string>>;
}
const tagged = { 'postern:jump-host': 'app-staging', Name: 'app-staging-jump-host' };
const instance = (where: string, tags: Target['tags']): Target => ({
  arn: `arn:aws:ec2:${where}:instance/i-0a1b2c3d4e5f60718`,
  tags,
});
export const targets: Named<
  | 'jumpHost'
  | 'untagged'
  | 'ofProduction'
  | 'namedAlike'
  | 'otherCase'
  | 'otherAccount'
  | 'otherRegion'
  | 'onPremises'
  | 'task'
  | 'otherTask',
  Target
> = {
  jumpHost: instance(here, tagged),
  untagged: instance(here, {}),
  ofProduction: instance(here, { 'postern:jump-host': 'app-production' }),
  namedAlike: instance(here, { Name: 'app-staging-jump-host', 'jump-host': 'app-staging' }),
  otherCase: instance(here, { 'postern:jump-host': 'App-Staging' }),
  otherAccount: instance(elsewhere, tagged),
  otherRegion: instance(abroad, tagged),
  onPremises: { arn: `arn:aws:ssm:${here}:managed-instance/mi-0a1b2c3d4e5f60718`, tags: tagged },
  task: { arn: `arn:aws:ecs:${here}:task/app-staging-jump-host/0a1b2c3d4e5f60718293a4b5c6d7e8f9`, tags: {} },
  otherTask: { arn: `arn:aws:ecs:${here}:task/app-staging-shop/0a1b2c3d4e5f60718293a4b5c6d7e8f9`, tags: {} },
};

/** AWS looks at the document only if each statement that allows StartSession asks for it, that of the document as well. */
export const withoutDocumentCheck: Readonly<Record<string, string>> = {
  'ssm:SessionDocumentAccessCheck': 'false',
};

/** What Session Manager sends with a call that names a session: whose it is, and where it leads. */
export const ownedBy = (userId: string): Readonly<Record<string, string>> => ({
  'ssm:resourceTag/aws:ssmmessages:session-id': userId,
  'ssm:resourceTag/aws:ssmmessages:target-id': 'i-0a1b2c3d4e5f60718',
});
/** Of the session that asks in the rows. */
export const mine: Readonly<Record<string, string>> = ownedBy('AROAEXAMPLEEXAMPLE123:run-7');

const ecsCluster = `arn:aws:ecs:${here}:cluster/app-staging-jump-host`;
/** What ECS sends with a call that names a cluster. */
export const inCluster: Named<'own' | 'other', Readonly<Record<string, string>>> = {
  own: { 'ecs:cluster': ecsCluster },
  other: { 'ecs:cluster': `arn:aws:ecs:${here}:cluster/app-staging-shop` },
};

/** Documents of AWS have no account in their ARN. */
const byAws = (name: string): string => `arn:aws:ssm:${region}::document/${name}`;
const document = (name: string, where = here): string => `arn:aws:ssm:${where}:document/${name}`;
export const documents: Named<
  | 'own'
  | 'ofProduction'
  | 'longerName'
  | 'otherAccount'
  | 'otherRegion'
  | 'shellPreferences'
  | 'interactiveCommand'
  | 'nonInteractiveCommand'
  | 'ssh'
  | 'portOfTheHost'
  | 'socketOfTheHost'
  | 'remoteHost'
  | 'runShellScript'
  | 'updateAgent'
> = {
  own: document('postern-app-staging'),
  ofProduction: document('postern-app-production'),
  longerName: document('postern-app-staging-2'),
  otherAccount: document('postern-app-staging', elsewhere),
  otherRegion: document('postern-app-staging', abroad),
  /** The one that stands in when the request names none. */
  shellPreferences: document('SSM-SessionManagerRunShell'),
  interactiveCommand: byAws('AWS-StartInteractiveCommand'),
  nonInteractiveCommand: byAws('AWS-StartNonInteractiveCommand'),
  ssh: byAws('AWS-StartSSHSession'),
  portOfTheHost: byAws('AWS-StartPortForwardingSession'),
  socketOfTheHost: byAws('AWS-StartPortForwardingSessionToSocket'),
  remoteHost: byAws('AWS-StartPortForwardingSessionToRemoteHost'),
  runShellScript: byAws('AWS-RunShellScript'),
  updateAgent: byAws('AWS-UpdateSSMAgent'),
};

const resourceId = 'cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ';
export const dbUser = (user: string, id: string = resourceId, where: string = here): string =>
  `arn:aws:rds-db:${where}:dbuser:${id}/${user}`;
export const otherDbUser: Named<'cluster' | 'identifier' | 'account' | 'region', (user: string) => string> = {
  cluster: (user: string): string => dbUser(user, 'cluster-ZYXWVUTSRQPONMLKJIHGFEDCBA'),
  identifier: (user: string): string => dbUser(user, 'app-staging'),
  account: (user: string): string => dbUser(user, resourceId, elsewhere),
  region: (user: string): string => dbUser(user, resourceId, abroad),
};

export const session: Named<'here' | 'otherAccount' | 'otherRegion'> = {
  here: `arn:aws:ssm:${here}:session/run-7-0123456789abcdef0`,
  otherAccount: `arn:aws:ssm:${elsewhere}:session/run-7-0123456789abcdef0`,
  otherRegion: `arn:aws:ssm:${abroad}:session/run-7-0123456789abcdef0`,
};

const lambda = (name: string): string => `arn:aws:lambda:${here}:function:${name}`;
export const functions: Named<
  'bootstrap' | 'testdb' | 'bootstrapOfProduction' | 'testdbOfProduction' | 'other'
> = {
  bootstrap: lambda('postern-bootstrap-app-staging'),
  testdb: lambda('postern-testdb-app-staging'),
  bootstrapOfProduction: lambda('postern-bootstrap-app-production'),
  testdbOfProduction: lambda('postern-testdb-app-production'),
  other: lambda('invoices'),
};

export const cluster: string = `arn:aws:rds:${here}:cluster:app-staging`;
export const otherCluster: string = `arn:aws:rds:${here}:cluster:app-production`;

const secret = (name: string): string => `arn:aws:secretsmanager:${here}:secret:${name}`;
export const secrets: Named<'master' | 'masterOfProduction' | 'other'> = {
  master: secret('rds!cluster-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9-AbCdEf'),
  masterOfProduction: secret('rds!cluster-99999999-4e5f-6071-8293-a4b5c6d7e8f9-AbCdEf'),
  other: secret('payment-provider-AbCdEf'),
};

const key = (id: string): string => `arn:aws:kms:${here}:key/${id}`;
export const keys: Named<'own' | 'other'> = {
  own: key('0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'),
  other: key('99999999-4e5f-6071-8293-a4b5c6d7e8f9'),
};

const logGroup = (name: string): string => `arn:aws:logs:${here}:log-group:${name}`;
export const logs: Named<'own' | 'ownGroup' | 'other'> = {
  own: `${logGroup('/own')}:log-stream:2026/11/23/[$LATEST]0a1b`,
  ownGroup: logGroup('/own'),
  other: `${logGroup('/own-2')}:log-stream:2026/11/23/[$LATEST]0a1b`,
};

const repository = (name: string): string => `arn:aws:ecr:${here}:repository/${name}`;
export const repositories: Named<'own' | 'other'> = {
  own: repository('jump-host'),
  other: repository('shop'),
};

const role = (name: string): string => `arn:aws:iam::${account}:role/${name}`;
export const roleArns: Named<'ci' | 'deploy' | 'developer' | 'bootstrap' | 'testdb' | 'engineers'> = {
  ci: role('postern-ci-app-staging'),
  deploy: role('postern-deploy-app-staging'),
  developer: role('postern-developer-app-staging'),
  bootstrap: role('postern-bootstrap-app-staging'),
  testdb: role('postern-testdb-app-staging'),
  engineers: role('engineers'),
};

export const github: string = `arn:aws:iam::${account}:oidc-provider/token.actions.githubusercontent.com`;

/** What the modules fill their templates with. */
export const variables: PolicyVariables = {
  account_id: account,
  partition: 'aws',
  region,
  dns_suffix: 'amazonaws.com',
  document_arn: documents.own,
  tag_key: 'postern:jump-host',
  tag_value: 'app-staging',
  target_arns: [`arn:aws:ec2:${here}:instance/*`],
  resource_id: resourceId,
  cluster_arn: cluster,
  bootstrap_arn: functions.bootstrap,
  testdb_arn: functions.testdb,
  function_arns: [functions.bootstrap, functions.testdb],
  user_arns: [dbUser('ledger_readonly'), dbUser('billing_readonly')],
  ecs_cluster_arn: ecsCluster,
  secret_arn: secrets.master,
  kms_key_arn: keys.own,
  function_arn: functions.bootstrap,
  log_group_arn: logs.ownGroup,
  repository_arn: repositories.own,
  oidc_provider_arn: github,
  principal_arns: [roleArns.engineers],
  refs: ['refs/heads/main'],
};
