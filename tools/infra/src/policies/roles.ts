import type { PolicyDocument } from '@postern/local-cloud/iam';
import { type PolicyName, type PolicyVariables, renderPolicy } from './render-policy.ts';

/** The roles that the modules make; `service` is an application's own role with `database-user` attached. */
export type RoleName =
  | 'ci'
  | 'deploy'
  | 'developer'
  | 'service'
  | 'bootstrap'
  | 'testdb'
  | 'sweep-scheduler'
  | 'jump-host'
  | 'jump-host-task'
  | 'jump-host-execution'
  | 'proxy';

export interface RoleDefinition {
  /** Who may assume it; a service's role is not made here. */
  readonly trust: PolicyName | undefined;
  /** What an input of the module chooses instead. */
  readonly otherTrust?: PolicyName;
  /** What it always has. */
  readonly policies: readonly PolicyName[];
  /** What an input of the module adds, removes or chooses. */
  readonly optional: readonly PolicyName[];
}

const testRun: readonly PolicyName[] = [
  'ci-access/ci-connect',
  'ci-access/ci-test-databases',
  'ci-access/ci-tunnel',
];
const discovery: readonly PolicyName[] = [
  'ci-access/discover-cluster',
  'ci-access/discover-jump-host',
  'ci-access/discover-sessions',
  'ci-access/discover-tasks',
];
const targets: readonly PolicyName[] = ['ci-access/ci-target-instance', 'ci-access/ci-target-task'];
const lambda: readonly PolicyName[] = [
  'bootstrap-lambda/logs',
  'bootstrap-lambda/master-secret',
  'bootstrap-lambda/network-interfaces',
];

/** Which templates each role has: the modules' `terraform test` files assert the same. */
export const roles: Readonly<Record<RoleName, RoleDefinition>> = {
  ci: { trust: 'ci-access/trust-github', policies: testRun, optional: [...targets, ...discovery] },
  deploy: {
    trust: 'ci-access/trust-github-deploy',
    otherTrust: 'ci-access/trust-github',
    policies: ['ci-access/deploy-bootstrap'],
    optional: ['ci-access/deploy-code'],
  },
  developer: {
    trust: 'ci-access/trust-principals',
    otherTrust: 'ci-access/trust-principals-mfa',
    policies: testRun,
    optional: [...targets, ...discovery, 'ci-access/deploy-bootstrap', 'ci-access/developer-connect'],
  },
  service: { trust: undefined, policies: ['database-user/connect'], optional: [] },
  bootstrap: {
    trust: 'bootstrap-lambda/trust-lambda',
    policies: [...lambda, 'bootstrap-lambda/connect-migrators'],
    optional: ['bootstrap-lambda/master-secret-key', 'bootstrap-lambda/tracing'],
  },
  testdb: {
    trust: 'bootstrap-lambda/trust-lambda',
    policies: lambda,
    optional: ['bootstrap-lambda/master-secret-key', 'bootstrap-lambda/tracing'],
  },
  'sweep-scheduler': {
    trust: 'bootstrap-lambda/trust-scheduler',
    policies: ['bootstrap-lambda/scheduler-invoke-testdb'],
    optional: [],
  },
  'jump-host': {
    trust: 'jump-host/trust-ec2',
    policies: ['jump-host/agent-sessions'],
    optional: ['jump-host/agent-update'],
  },
  'jump-host-task': {
    trust: 'jump-host/trust-ecs-tasks',
    policies: ['jump-host/task-sessions'],
    optional: [],
  },
  'jump-host-execution': {
    trust: 'jump-host/trust-ecs-tasks',
    policies: ['jump-host/task-image'],
    optional: [],
  },
  proxy: {
    trust: 'database/trust-rds',
    policies: ['database/proxy-connect'],
    optional: [],
  },
};

/** The templates of a role: all of them, but those named. */
export function policiesOf(role: RoleName, without: readonly PolicyName[] = []): readonly PolicyName[] {
  const { policies, optional } = roles[role];
  return [...policies, ...optional].filter((name) => !without.includes(name));
}

/** The same, rendered, by name. */
export function renderRole(
  role: RoleName,
  variables: PolicyVariables,
  without: readonly PolicyName[] = [],
): Readonly<Record<PolicyName, PolicyDocument>> {
  return Object.fromEntries(policiesOf(role, without).map((name) => [name, renderPolicy(name, variables)]));
}
