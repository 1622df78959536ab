import type { PolicyName, PolicyVariables } from '../render-policy.ts';
import type { Expected } from './row.ts';
import { account, github, roleArns } from './scene.ts';

/** The claims of a GitHub token: expected, `sub`, why, and what is not as usual. */
export type ClaimRow = readonly [
  expected: Expected,
  subject: string,
  why: string,
  unusual?: {
    readonly audience?: string;
    readonly provider?: string;
    readonly action?: string;
    /** `refs/heads/main` as a rule; null: STS does not read it. */
    readonly ref?: string | null;
  },
];

/** Another kind of caller: expected, service or ARN, why, condition keys. */
export type CallerRow = readonly [
  expected: Expected,
  caller: { readonly service: string } | { readonly arn: string },
  why: string,
  context?: Readonly<Record<string, string>>,
];

export interface TrustTable {
  readonly title: string;
  readonly policy: PolicyName;
  readonly variables?: PolicyVariables;
  readonly claims?: readonly ClaimRow[];
  readonly callers?: readonly CallerRow[];
}

const everybody: readonly CallerRow[] = [
  ['deny', { service: 'lambda.amazonaws.com' }, 'a function'],
  ['deny', { service: 'ec2.amazonaws.com' }, 'an instance'],
  ['deny', { arn: `arn:aws:iam::${account}:user/ada` }, 'a user of the account'],
  [
    'deny',
    { arn: `arn:aws:sts::${account}:assumed-role/postern-ci-app-staging/run-7` },
    'the CI role itself',
  ],
  ['deny', { arn: 'arn:aws:iam::210987654321:root' }, 'another account'],
];

/** What the module writes for acme/shop with the ids 1001 and 2002, pull requests and the branch main. */
export const ciTrust: TrustTable = {
  title: 'CI, subjects in both formats',
  policy: 'ci-access/trust-github',
  variables: {
    oidc_provider_arn: github,
    subjects: [
      'repo:acme/shop:pull_request',
      'repo:acme/shop:ref:refs/heads/main',
      'repo:acme@1001/shop@2002:pull_request',
      'repo:acme@1001/shop@2002:ref:refs/heads/main',
    ],
  },
  claims: [
    [
      'allow',
      'repo:acme/shop:pull_request',
      'a pull request of an older repository',
      { ref: 'refs/pull/7/merge' },
    ],
    ['allow', 'repo:acme/shop:ref:refs/heads/main', 'the main branch, schedules on it included'],
    ['allow', 'repo:acme@1001/shop@2002:pull_request', 'a pull request, with ids'],
    ['allow', 'repo:acme@1001/shop@2002:ref:refs/heads/main', 'the main branch, with ids'],
    ['deny', 'repo:acme/shop:ref:refs/heads/main2', 'a branch that begins alike'],
    ['deny', 'repo:acme/shop:ref:refs/heads/feature', 'another branch'],
    ['deny', 'repo:acme/shop:ref:refs/tags/main', 'a tag'],
    ['deny', 'repo:acme/shop:environment:production', 'a deploy: its job has the other role'],
    ['deny', 'repo:acme/shop', 'a subject without context'],
    ['deny', 'repo:mallory/shop:pull_request', 'a fork'],
    ['deny', 'repo:acme/shop2:pull_request', 'a repository that begins alike'],
    ['deny', 'repo:acme/shop-web:pull_request', 'a repository that begins alike'],
    ['deny', 'repo:acme/web-shop:pull_request', 'a repository that ends alike'],
    ['deny', 'repo:acme-labs/shop:pull_request', 'an owner that begins alike'],
    ['deny', 'repo:not-acme/shop:pull_request', 'an owner that ends alike'],
    ['deny', 'repo:Acme/Shop:pull_request', 'another letter case'],
    ['deny', 'repo:acme/*:pull_request', 'a star is not one'],
    ['deny', 'repo:acme@1001/shop@9999:pull_request', 'the name with another repository behind it'],
    ['deny', 'repo:acme@9999/shop@2002:pull_request', 'the name with another owner behind it'],
    ['deny', 'repo:acme@1001/shop:pull_request', 'half of the ids'],
    [
      'deny',
      'repo:acme/shop:pull_request',
      "another service's audience",
      { audience: 'https://github.com/acme' },
    ],
    ['deny', 'repo:acme/shop:pull_request', 'another audience', { audience: 'sts.amazonaws.com.cn' }],
    [
      'deny',
      'repo:acme/shop:pull_request',
      'another identity provider that says the same',
      { provider: github.replace('token.actions.githubusercontent.com', 'token.example.com') },
    ],
    [
      'deny',
      'repo:acme/shop:pull_request',
      "another account's provider",
      { provider: github.replace(account, '210987654321') },
    ],
    ['deny', 'repo:acme/shop:pull_request', 'AssumeRole instead', { action: 'sts:AssumeRole' }],
  ],
  callers: everybody,
};

export const immutableTrust: TrustTable = {
  title: 'CI, immutable_only',
  policy: 'ci-access/trust-github',
  variables: { oidc_provider_arn: github, subjects: ['repo:acme@1001/shop@2002:pull_request'] },
  claims: [
    ['allow', 'repo:acme@1001/shop@2002:pull_request', 'the repository'],
    ['deny', 'repo:acme/shop:pull_request', 'whoever has the name now'],
  ],
};

const deploySubjects: readonly string[] = [
  'repo:acme/shop:environment:production',
  'repo:acme@1001/shop@2002:environment:production',
];

export const deployTrust: TrustTable = {
  title: 'Deploy',
  policy: 'ci-access/trust-github-deploy',
  variables: { oidc_provider_arn: github, subjects: deploySubjects, refs: ['refs/heads/main'] },
  claims: [
    ['allow', 'repo:acme/shop:environment:production', 'a job of the environment on main'],
    [
      'deny',
      'repo:acme/shop:environment:production',
      'a pushed branch that names the environment, before anybody protects it',
      { ref: 'refs/heads/mallory' },
    ],
    [
      'deny',
      'repo:acme@1001/shop@2002:environment:production',
      'a pushed branch that names the environment, with ids',
      { ref: 'refs/heads/mallory' },
    ],
    [
      'deny',
      'repo:acme/shop:environment:production',
      'a pull request that names the environment',
      { ref: 'refs/pull/7/merge' },
    ],
    ['deny', 'repo:acme/shop:environment:production', 'a tag that is called main', { ref: 'refs/tags/main' }],
    [
      'deny',
      'repo:acme/shop:environment:production',
      'a branch that begins alike',
      { ref: 'refs/heads/main2' },
    ],
    [
      'deny',
      'repo:acme/shop:environment:production',
      'a branch whose name ends alike',
      { ref: 'refs/heads/x/refs/heads/main' },
    ],
    ['deny', 'repo:acme/shop:environment:production', 'another letter case', { ref: 'refs/heads/Main' }],
    [
      'deny',
      'repo:acme/shop:environment:production',
      'a token whose branch STS does not read',
      { ref: null },
    ],
    ['allow', 'repo:acme@1001/shop@2002:environment:production', 'the same, with ids'],
    ['deny', 'repo:acme/shop:pull_request', 'a pull request, which may change any workflow'],
    ['deny', 'repo:acme@1001/shop@2002:pull_request', 'a pull request, with ids'],
    ['deny', 'repo:acme/shop:ref:refs/heads/main', 'a branch without the environment'],
    ['deny', 'repo:acme/shop:ref:refs/heads/environment:production', 'a branch that is named like it'],
    ['deny', 'repo:acme/shop:environment:production-eu', 'an environment that begins alike'],
    ['deny', 'repo:acme/shop:environment:staging', 'another environment'],
    ['deny', 'repo:acme/shop:environment:Production', 'another letter case'],
    ['deny', 'repo:mallory/shop:environment:production', 'a fork with an environment of that name'],
    ['deny', 'repo:acme/shop:environment:production', 'another audience', { audience: 'sigstore' }],
  ],
  callers: everybody,
};

/** `deploy_branches = null`: what GitHub's protection of the environment lets in. */
export const deployTrustByEnvironment: TrustTable = {
  title: 'Deploy, by the environment alone',
  policy: 'ci-access/trust-github',
  variables: { oidc_provider_arn: github, subjects: deploySubjects },
  claims: [
    ['allow', 'repo:acme/shop:environment:production', 'where STS does not read the branch', { ref: null }],
    [
      'allow',
      'repo:acme/shop:environment:production',
      'any branch that GitHub lets into the environment',
      { ref: 'refs/heads/mallory' },
    ],
    ['deny', 'repo:acme/shop:ref:refs/heads/main', 'a branch without the environment'],
    ['deny', 'repo:acme/shop:pull_request', 'a pull request', { ref: 'refs/pull/7/merge' }],
  ],
  callers: everybody,
};

export const developerTrust: TrustTable = {
  title: 'Developer',
  policy: 'ci-access/trust-principals',
  claims: [['deny', 'repo:acme/shop:pull_request', 'GitHub']],
  callers: [
    ['allow', { arn: `arn:aws:sts::${account}:assumed-role/engineers/ada` }, 'a session of the named role'],
    ['deny', { arn: `arn:aws:sts::${account}:assumed-role/engineers-2/ada` }, 'a role that begins alike'],
    [
      'deny',
      { arn: 'arn:aws:sts::210987654321:assumed-role/engineers/ada' },
      'the same role of another account',
    ],
    ['deny', { arn: `arn:aws:iam::${account}:user/engineers` }, 'a user of that name'],
    ...everybody,
  ],
};

const ada = { arn: `arn:aws:iam::${account}:user/ada` };
export const developerTrustWithMfa: TrustTable = {
  title: 'Developer with MFA',
  policy: 'ci-access/trust-principals-mfa',
  variables: { principal_arns: [ada.arn] },
  callers: [
    ['allow', ada, 'a user who gave a code', { 'aws:MultiFactorAuthPresent': 'true' }],
    ['deny', ada, 'a stolen access key, which says nothing of MFA'],
    ['deny', ada, 'a session without a code', { 'aws:MultiFactorAuthPresent': 'false' }],
    [
      'deny',
      { arn: `arn:aws:iam::${account}:user/ada2` },
      'another user',
      { 'aws:MultiFactorAuthPresent': 'true' },
    ],
  ],
};

/** The roles that services take; a condition keeps other accounts' resources from using the service as a deputy. */
export const serviceTrusts: readonly TrustTable[] = [
  {
    title: 'Functions',
    policy: 'bootstrap-lambda/trust-lambda',
    callers: [
      ['allow', { service: 'lambda.amazonaws.com' }, 'Lambda'],
      ['deny', { service: 'edgelambda.amazonaws.com' }, 'Lambda@Edge'],
      ...everybody.slice(1),
    ],
  },
  {
    title: 'The schedule of sweeps',
    policy: 'bootstrap-lambda/trust-scheduler',
    callers: [
      ['allow', { service: 'scheduler.amazonaws.com' }, 'the account', { 'aws:SourceAccount': account }],
      [
        'deny',
        { service: 'scheduler.amazonaws.com' },
        'another account',
        { 'aws:SourceAccount': '210987654321' },
      ],
      ['deny', { service: 'events.amazonaws.com' }, 'another service', { 'aws:SourceAccount': account }],
      ...everybody,
    ],
  },
  {
    title: 'The jump host',
    policy: 'jump-host/trust-ec2',
    callers: [
      ['allow', { service: 'ec2.amazonaws.com' }, 'an instance with the profile'],
      ['deny', { service: 'ssm.amazonaws.com' }, 'Systems Manager'],
      ['deny', { service: 'lambda.amazonaws.com' }, 'a function'],
      ['deny', { arn: roleArns.deploy }, 'a role of the account'],
    ],
  },
  {
    title: 'The jump host as a task',
    policy: 'jump-host/trust-ecs-tasks',
    callers: [
      [
        'allow',
        { service: 'ecs-tasks.amazonaws.com' },
        'a task of the account',
        { 'aws:SourceAccount': account, 'aws:SourceArn': `arn:aws:ecs:eu-west-2:${account}:task/app/0a1b` },
      ],
      [
        'deny',
        { service: 'ecs-tasks.amazonaws.com' },
        'a task of another account',
        {
          'aws:SourceAccount': '210987654321',
          'aws:SourceArn': 'arn:aws:ecs:eu-west-2:210987654321:task/app/0a1b',
        },
      ],
      [
        'deny',
        { service: 'ecs-tasks.amazonaws.com' },
        'a task of another region',
        { 'aws:SourceAccount': account, 'aws:SourceArn': `arn:aws:ecs:us-east-1:${account}:task/app/0a1b` },
      ],
      [
        'deny',
        { service: 'ecs-tasks.amazonaws.com' },
        'a task that says one account and is of another',
        {
          'aws:SourceAccount': '210987654321',
          'aws:SourceArn': `arn:aws:ecs:eu-west-2:${account}:task/app/0a1b`,
        },
      ],
      ['deny', { service: 'ecs.amazonaws.com' }, 'the service of services', { 'aws:SourceAccount': account }],
      ...everybody,
    ],
  },
  {
    title: 'RDS Proxy',
    policy: 'database/trust-rds',
    callers: [
      ['allow', { service: 'rds.amazonaws.com' }, 'the account', { 'aws:SourceAccount': account }],
      ['deny', { service: 'rds.amazonaws.com' }, 'another account', { 'aws:SourceAccount': '210987654321' }],
      [
        'deny',
        { service: 'monitoring.rds.amazonaws.com' },
        'another service',
        { 'aws:SourceAccount': account },
      ],
      ...everybody,
    ],
  },
];
