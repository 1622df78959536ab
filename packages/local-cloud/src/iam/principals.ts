import {
  allow,
  bootstrapLambda,
  bothFunctions,
  ciAccess,
  jumpHost,
  type PrincipalScope,
  policy,
  trust,
} from './module-policies.ts';
import type { PolicyDocument } from './policy.ts';

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

type Policies = Readonly<Record<string, PolicyDocument>>;

export interface PredefinedPrincipal {
  readonly type: 'user' | 'role';
  /** Name in IAM. */
  readonly iamName: string;
  /** What a session of the role is called. */
  readonly sessionName: string;
  readonly trust?: PolicyDocument;
  /** Those that Terraform attaches, under the same names. */
  readonly policies: Policies;
  /** What somebody else does on AWS, so that no role of the modules may. Their names begin with `offline-`. */
  readonly offlineOnly: Policies;
}

/**
 * The principals of one environment, with the policies that the Terraform modules attach to the same roles. A developer
 * is a role there and a user here, so that there is somebody with long-term keys.
 */
export function predefinedPrincipals(scope: PrincipalScope): Record<PrincipalName, PredefinedPrincipal> {
  const names = {
    ci: 'postern-ci-local',
    deploy: 'postern-deploy-local',
    jumpHost: 'postern-jump-host-local',
  };
  const testRuns = policiesOf(scope, ciAccess, [
    'ci-connect',
    'ci-target-instance',
    'ci-test-databases',
    'ci-tunnel',
    'discover-cluster',
    'discover-jump-host',
    'discover-sessions',
  ]);
  return {
    developer: {
      type: 'user',
      iamName: 'developer',
      sessionName: 'developer',
      policies: { ...testRuns, ...policiesOf(scope, ciAccess, ['deploy-bootstrap', 'developer-connect']) },
      offlineOnly: {},
    },
    ci: {
      type: 'role',
      iamName: names.ci,
      sessionName: 'GitHubActions',
      trust: trust.github(scope, ['repo:example/app:pull_request', 'repo:example/app:ref:refs/heads/main']),
      policies: testRuns,
      offlineOnly: {},
    },
    deploy: {
      type: 'role',
      iamName: names.deploy,
      sessionName: 'GitHubActions',
      trust: trust.githubDeploy(scope, ['repo:example/app:environment:production'], ['refs/heads/main']),
      policies: policiesOf(scope, ciAccess, ['deploy-bootstrap', 'deploy-code']),
      offlineOnly: { 'offline-make-functions': makeFunctions(scope) },
    },
    bootstrap: executionRole(scope, scope.functions.bootstrap, ['connect-migrators']),
    testdb: executionRole(scope, scope.functions.testdb),
    'jump-host': {
      type: 'role',
      iamName: names.jumpHost,
      sessionName: 'i-0a1b2c3d4e5f60718',
      trust: trust.ec2(),
      policies: policiesOf(scope, jumpHost, ['agent-sessions']),
      offlineOnly: {},
    },
  };
}

/** Terraform makes the functions on AWS, and whoever applies it has these rights. Here there is only the deploy role. */
function makeFunctions(scope: PrincipalScope): PolicyDocument {
  const { bootstrap, testdb } = scope.functions;
  return policy(
    allow(
      'MakeFunctions',
      ['lambda:CreateFunction', 'lambda:UpdateFunctionConfiguration'],
      bothFunctions(scope),
    ),
    {
      ...allow(
        'GiveThemTheirRoles',
        'iam:PassRole',
        [bootstrap, testdb].map((name) => `arn:aws:iam::${scope.accountId}:role/${name}`),
      ),
      Condition: { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } },
    },
  );
}

function executionRole(
  scope: PrincipalScope,
  functionName: string,
  more: readonly (keyof typeof bootstrapLambda)[] = [],
): PredefinedPrincipal {
  return {
    type: 'role',
    iamName: functionName,
    sessionName: functionName,
    trust: trust.lambda(),
    policies: policiesOf({ ...scope, functionName }, bootstrapLambda, [
      'logs',
      'master-secret',
      'network-interfaces',
      ...more,
    ]),
    offlineOnly: {},
  };
}

function policiesOf<Scope, Name extends string>(
  scope: Scope,
  templates: Readonly<Record<Name, (scope: Scope) => PolicyDocument>>,
  names: readonly NoInfer<Name>[],
): Policies {
  return Object.fromEntries(names.map((name) => [name, templates[name](scope)]));
}
