import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkPolicy, evaluate, type PolicyDocument } from '@postern/local-cloud/iam';
import { expect, test } from 'vitest';
import { answerClaim } from '../policies/ask.ts';
import { type PolicyName, type PolicyVariables, renderPolicy } from '../policies/render-policy.ts';
import { type RoleName, renderRole, roles } from '../policies/roles.ts';
import { github } from '../policies/tables/scene.ts';
import type { ClaimRow } from '../policies/tables/trust.ts';

const document = readFileSync(
  fileURLToPath(new URL('../../../../docs/security.md', import.meta.url)),
  'utf8',
);
const base = 'eu-west-2:123456789012';
const cluster = 'cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const login = (user: string): string => `arn:aws:rds-db:${base}:dbuser:${cluster}/${user}`;
const lambda = (name: string): string => `arn:aws:lambda:${base}:function:${name}`;
const testdb = lambda('postern-testdb-app-staging');
const bootstrap = lambda('postern-bootstrap-app-staging');
const instance = `arn:aws:ec2:${base}:instance/i-0a1b2c3d4e5f60718`;
const sessions = `arn:aws:ssm:${base}:session`;

const shared: PolicyVariables = {
  partition: 'aws',
  region: 'eu-west-2',
  account_id: '123456789012',
  dns_suffix: 'amazonaws.com',
  resource_id: cluster,
  document_arn: `arn:aws:ssm:${base}:document/postern-app-staging`,
  target_arns: [`arn:aws:ec2:${base}:instance/*`],
  tag_key: 'postern:jump-host',
  tag_value: 'app-staging',
  testdb_arn: testdb,
  bootstrap_arn: bootstrap,
  function_arns: [bootstrap, testdb],
  ecs_cluster_arn: `arn:aws:ecs:${base}:cluster/app-staging`,
  cluster_arn: `arn:aws:rds:${base}:cluster:app-staging`,
  kms_key_arn: `arn:aws:kms:${base}:key/1`,
  secret_arn: `arn:aws:secretsmanager:${base}:secret:rds!cluster-1`,
};
/** What differs by role: whose users, which function's log. */
const own: Partial<Record<RoleName, PolicyVariables>> = {
  developer: { user_arns: [login('ada')] },
  service: { user_arns: [login('ledger_app')] },
  bootstrap: {
    function_arn: bootstrap,
    log_group_arn: `arn:aws:logs:${base}:log-group:/aws/lambda/bootstrap`,
  },
  testdb: { function_arn: testdb, log_group_arn: `arn:aws:logs:${base}:log-group:/aws/lambda/testdb` },
};
const columns: Readonly<Record<string, RoleName>> = {
  CI: 'ci',
  developer: 'developer',
  deploy: 'deploy',
  service: 'service',
  bootstrap: 'bootstrap',
  testdb: 'testdb',
  schedule: 'sweep-scheduler',
  'jump host': 'jump-host',
};

interface Request {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}
const tagged = (value: string, document = true): Request['context'] => ({
  'ssm:resourceTag/postern:jump-host': value,
  'ssm:SessionDocumentAccessCheck': String(document),
});
const start = (resource: string, context: Request['context'] = {}): Request => ({
  action: 'ssm:StartSession',
  resource,
  context,
});
const of = (session: string): Request['context'] => ({
  'ssm:resourceTag/aws:ssmmessages:session-id': session,
});
const request = (action: string, resource = '*', context: Request['context'] = {}): Request => ({
  action,
  resource,
  context,
});
const onJumpHost = start(instance, tagged('app-staging'));

/** By row: a list of ways. A way is open when everything in it is allowed. */
const capabilities: Readonly<Record<string, (caller: string) => readonly (readonly Request[])[]>> = {
  'tunnel to the database, through the jump host': () => [
    [
      onJumpHost,
      start(`arn:aws:ssm:${base}:document/postern-app-staging`),
      request('ssmmessages:OpenDataChannel'),
    ],
  ],
  'tunnel to another host or port': () => [
    ...[
      'AWS-StartPortForwardingSessionToRemoteHost',
      'AWS-StartPortForwardingSession',
      'AWS-StartSSHSession',
    ].map((name) => [onJumpHost, start(`arn:aws:ssm:eu-west-2::document/${name}`)]),
    [onJumpHost, start(`arn:aws:ssm:${base}:document/postern-app-production`)],
  ],
  'session on another instance': () => [
    [start(instance, tagged('another'))],
    [start(instance, { 'ssm:SessionDocumentAccessCheck': 'true' })],
    [start(`arn:aws:ssm:${base}:managed-instance/mi-1`, tagged('app-staging'))],
  ],
  'shell on the jump host': () => [
    [start(instance, tagged('app-staging', false))],
    [onJumpHost, start(`arn:aws:ssm:${base}:document/SSM-SessionManagerRunShell`)],
  ],
  'run a command on the jump host': () => [
    [request('ssm:SendCommand', instance)],
    [request('ssm:StartAutomationExecution')],
    [request('ecs:ExecuteCommand')],
  ],
  'resume and end its own sessions': (caller) => [
    ['ssm:ResumeSession', 'ssm:TerminateSession'].map((action) =>
      request(action, `${sessions}/s-1`, of(caller)),
    ),
  ],
  "end somebody else's session": () => [
    [request('ssm:TerminateSession', `${sessions}/s-1`, of('AROAOTHER:somebody'))],
  ],
  'change the session document': () => [
    [request('ssm:UpdateDocument', `arn:aws:ssm:${base}:document/postern-app-staging`)],
  ],
  'log in as a test role': () => [[request('rds-db:connect', login('pt_ledger_app'))]],
  "log in as a service's role": () => [[request('rds-db:connect', login('ledger_app'))]],
  "log in as a person's own role": () => [[request('rds-db:connect', login('ada'))]],
  'log in as a migrator': () => [[request('rds-db:connect', login('ledger_migrator'))]],
  'log in as the master with a token': () => [[request('rds-db:connect', login('posternmaster'))]],
  "read the master's password": () => [
    [request('secretsmanager:GetSecretValue', String(shared['secret_arn']))],
  ],
  'invoke the test-database function': () => [[request('lambda:InvokeFunction', testdb)]],
  'invoke the bootstrap': () => [[request('lambda:InvokeFunction', bootstrap)]],
  'replace the code of the functions': () => [
    [request('lambda:UpdateFunctionCode', bootstrap)],
    [request('lambda:UpdateFunctionCode', testdb)],
  ],
  "change a function's configuration": () => [[request('lambda:UpdateFunctionConfiguration', testdb)]],
  'look up the cluster': () => [[request('rds:DescribeDBClusters', String(shared['cluster_arn']))]],
  'see all managed nodes of the account': () => [[request('ssm:DescribeInstanceInformation')]],
  'see all sessions of the account': () => [[request('ssm:DescribeSessions')]],
  'write a log of its own': () => [
    ...['bootstrap', 'testdb'].map((name) => [
      request('logs:PutLogEvents', `arn:aws:logs:${base}:log-group:/aws/lambda/${name}:log-stream:1`),
    ]),
  ],
  'pass a role or change a policy': () => [
    [request('iam:PassRole', 'arn:aws:iam::123456789012:role/postern-bootstrap-app-staging')],
    [request('iam:PutRolePolicy', 'arn:aws:iam::123456789012:role/postern-ci-app-staging')],
  ],
};

/** The jump host is an instance here. That, or a task, is a choice, and not one between yes and no. */
const target = 'ci-access/ci-target-';

function allowed(role: RoleName, capability: string, without: readonly PolicyName[]): boolean {
  const policies = Object.values(
    renderRole(role, { ...shared, ...own[role] }, [...without, 'ci-access/ci-target-task']),
  );
  const userId = `AROA${role.toUpperCase()}:somebody`;
  const principal = { arn: `arn:aws:sts::123456789012:assumed-role/${role}/somebody`, userId };
  const ways = capabilities[capability]?.(userId) ?? [];
  return ways.some((way) =>
    way.every((its) => evaluate({ policies, principal, ...its }).decision === 'allow'),
  );
}

function tableOf(name: string): readonly string[][] {
  const [, table = ''] = new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)<!-- /${name} -->`).exec(document) ?? [];
  const lines = table.trim().split('\n');
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const [head = [], , ...rows] = tableOf('who');

test('the table has a column for each role and a row for each thing that is tried', () => {
  expect(head.slice(1)).toEqual(Object.keys(columns));
  expect(rows.map(([capability]) => capability)).toEqual(Object.keys(capabilities));
});

test.each(rows.map(([capability = '', ...cells]) => ({ capability, cells })))(
  'who may: $capability',
  ({ capability, cells }) => {
    const found = Object.values(columns).map((role) => {
      const option = roles[role].optional.filter((name) => !name.startsWith(target));
      if (allowed(role, capability, option)) return 'yes';
      return allowed(role, capability, []) ? 'option' : '–';
    });
    expect(found).toEqual(cells);
  },
);

/** By row: `sub` and `ref` of the jobs that it speaks of; null: a claim that STS does not read. */
const jobs: Readonly<Record<string, readonly (readonly [subject: string, ref: string | null])[]>> = {
  'of a pull request': [['repo:acme/shop:pull_request', 'refs/pull/7/merge']],
  'on `main`': [['repo:acme/shop:ref:refs/heads/main', 'refs/heads/main']],
  'on another branch, or of a tag': [
    ['repo:acme/shop:ref:refs/heads/feature', 'refs/heads/feature'],
    ['repo:acme/shop:ref:refs/tags/main', 'refs/tags/main'],
  ],
  'with the environment `production`, on `main`': [
    ['repo:acme/shop:environment:production', 'refs/heads/main'],
  ],
  'with the environment `production`, on another branch': [
    ['repo:acme/shop:environment:production', 'refs/heads/feature'],
    ['repo:acme/shop:environment:production', 'refs/heads/main2'],
    ['repo:acme/shop:environment:production', 'refs/tags/main'],
  ],
  'with the environment `production`, of a pull request': [
    ['repo:acme/shop:environment:production', 'refs/pull/7/merge'],
  ],
  'with the environment `production`, whose branch AWS does not see': [
    ['repo:acme/shop:environment:production', null],
  ],
  'with another environment, on `main`': [['repo:acme/shop:environment:staging', 'refs/heads/main']],
  'of another repository, or of a fork under its own name': [
    ['repo:mallory/shop:pull_request', 'refs/pull/7/merge'],
    ['repo:mallory/shop:ref:refs/heads/main', 'refs/heads/main'],
    ['repo:mallory/shop:environment:production', 'refs/heads/main'],
  ],
};
const trusts = [
  renderPolicy('ci-access/trust-github', {
    oidc_provider_arn: github,
    subjects: ['repo:acme/shop:pull_request', 'repo:acme/shop:ref:refs/heads/main'],
  }),
  renderPolicy('ci-access/trust-github-deploy', {
    oidc_provider_arn: github,
    refs: ['refs/heads/main'],
    subjects: ['repo:acme/shop:environment:production'],
  }),
];

test('the table of jobs is what the trust policies say', () => {
  const [titles = [], , ...lines] = tableOf('jobs');
  expect(titles).toEqual(['a job', 'CI', 'deploy']);
  const found = Object.entries(jobs).map(([job, claims]) => [
    job,
    ...trusts.map((trust) => {
      const answers = claims.map(([subject, ref]) => {
        const row: ClaimRow = ['allow', subject, job, { ref }];
        return answerClaim(trust, row);
      });
      return [...new Set(answers)].map((answer) => (answer === 'allow' ? 'yes' : '–')).join();
    }),
  ]);
  expect(lines).toEqual(found);
});

test('the command that looks for a login looks where the line that it shows is', () => {
  const [, from = '', to = ''] = /--start-time (\d{13}) --end-time (\d{13})/.exec(document) ?? [];
  const [, shown = ''] = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC:/m.exec(document) ?? [];
  const at = Date.parse(`${shown.replace(' ', 'T')}Z`);
  expect(Number(from)).toBeLessThan(at);
  expect(Number(to)).toBeGreaterThan(at);
  expect(new Date(Number(from)).toISOString()).toContain('T08:30:00');
  expect(new Date(Number(to)).toISOString()).toContain('T10:00:00');
});

test('the policy that revokes stops what was issued before, and nothing that was issued after', () => {
  const [, json = '{}'] = /^ {2}'(\{"Version".*\})'$/m.exec(document) ?? [];
  const revoked = JSON.parse(json) as PolicyDocument;
  checkPolicy(revoked, 'identity');
  const policies = [...Object.values(renderRole('ci', shared)), revoked];
  const loginAt = (issued: string): string =>
    evaluate({
      policies,
      action: 'rds-db:connect',
      resource: login('pt_ledger_app'),
      context: { 'aws:TokenIssueTime': issued },
    }).decision;
  expect(loginAt('2026-11-23T09:39:59Z')).toBe('explicit-deny');
  expect(loginAt('2026-11-23T09:40:01Z')).toBe('allow');
});
