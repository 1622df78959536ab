import { readFileSync } from 'node:fs';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import {
  type PolicyDocument,
  type PolicyStatement,
  type PrincipalName,
  predefinedPrincipals,
} from '@postern/local-cloud/iam';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PolicyName, type PolicyVariables, renderPolicy } from '../policies/render-policy.ts';
import { type RoleName, renderRole, roles } from '../policies/roles.ts';

/**
 * The offline cloud's principals against the modules' templates: what passes under these policies offline passes under
 * the ones that Terraform attaches.
 */

/** What a role can have on AWS and has not offline, and why. */
const notOffline: Readonly<Record<PolicyName, string>> = {
  'ci-access/ci-target-task': 'the offline jump host is an instance',
  'ci-access/discover-tasks': 'the offline jump host is an instance',
  'bootstrap-lambda/master-secret-key': "the offline secret has AWS's own key",
  'bootstrap-lambda/tracing': 'nothing is traced offline',
  'jump-host/agent-update': 'there is no agent to update offline',
};

/** What a principal has offline and no role on AWS, and why. */
const offlineOnly: Partial<Record<PrincipalName, Record<string, string>>> = {
  deploy: { 'offline-make-functions': 'Terraform makes the functions on AWS, as whoever applies it' },
};

const cacheDir = new URL('../../../../.cache/postern', import.meta.url).pathname;
let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud({ cacheDir });
});
afterAll(async () => await cloud?.close());

/** What the modules would put into their templates for this environment. */
function variablesOf(principal: PrincipalName): PolicyVariables {
  const { region, accountId, cluster, functions } = cloud;
  const arn = (service: string, rest: string): string => `arn:aws:${service}:${region}:${accountId}:${rest}`;
  const [tag] = Object.entries(cloud.jumpHost.tags);
  const own = principal === 'testdb' ? functions.testdb : functions.bootstrap;
  return {
    account_id: accountId,
    partition: 'aws',
    region,
    bootstrap_arn: arn('lambda', `function:${functions.bootstrap}`),
    testdb_arn: arn('lambda', `function:${functions.testdb}`),
    function_arns: Object.values(functions).map((name) => arn('lambda', `function:${name}`)),
    function_arn: arn('lambda', `function:${own}`),
    log_group_arn: arn('logs', `log-group:/aws/lambda/${own}`),
    cluster_arn: cluster.arn,
    resource_id: cluster.resourceId,
    secret_arn: cluster.masterSecretArn,
    document_arn: arn('ssm', `document/${cloud.document.name}`),
    target_arns: [arn('ec2', 'instance/*')],
    tag_key: tag?.[0] ?? '',
    tag_value: tag?.[1] ?? '',
    user_arns: [arn('rds-db', `dbuser:${cluster.resourceId}/developer`)],
    oidc_provider_arn: `arn:aws:iam::${accountId}:oidc-provider/token.actions.githubusercontent.com`,
  };
}

const principals: readonly (PrincipalName & RoleName)[] = [
  'ci',
  'deploy',
  'developer',
  'bootstrap',
  'testdb',
  'jump-host',
];
const fileName = (template: string): string => template.slice(template.indexOf('/') + 1);

describe.each(principals)('the principal %s of the offline cloud', (principal) => {
  const name = (): string =>
    principal === 'developer' ? principal : (cloud.principalArn(principal).split('/').at(-1) ?? '');

  test('has the policies of its role, to the letter, and no others', () => {
    const without = Object.keys(notOffline) as PolicyName[];
    const rendered = Object.entries(renderRole(principal, variablesOf(principal), without)).map(
      ([template, document]) => [fileName(template), document],
    );
    const has = { ...cloud.iam.policies(name()) };
    const more = Object.keys(offlineOnly[principal] ?? {});
    for (const extra of more) {
      expect(has).toHaveProperty([extra]);
      delete has[extra];
    }
    expect(has).toEqual(Object.fromEntries(rendered));
  });

  test('can be assumed by the same', () => {
    const { trust } = roles[principal];
    const role = cloud.iam.role(name());
    // A user, so that there is somebody with long-term keys.
    if (principal === 'developer') return expect(role).toBeUndefined();
    const claims = { subjects: claimOf(role?.trust, 'sub'), refs: claimOf(role?.trust, 'ref') };
    expect(role?.trust).toEqual(renderPolicy(trust as PolicyName, { ...variablesOf(principal), ...claims }));
  });
});

/** Of the repository that the environment is for, which is nobody's offline. */
function claimOf(trust: PolicyDocument | undefined, claim: 'sub' | 'ref'): readonly string[] {
  const statement = [trust?.Statement ?? []].flat()[0] as PolicyStatement | undefined;
  const wanted = statement?.Condition?.['StringEquals']?.[`token.actions.githubusercontent.com:${claim}`];
  return (wanted ?? []) as readonly string[];
}

test('what is left out or added is named here with its reason, and nothing is named in vain', () => {
  const possible = principals.flatMap((principal) => [
    ...roles[principal].policies,
    ...roles[principal].optional,
  ]);
  expect(Object.keys(notOffline).filter((name) => !possible.includes(name as PolicyName))).toEqual([]);
  const { region, accountId, cluster, functions } = cloud;
  const definitions = predefinedPrincipals({
    region,
    accountId,
    clusterArn: cluster.arn,
    clusterResourceId: cluster.resourceId,
    masterSecretArn: cluster.masterSecretArn,
    jumpHostTag: { key: 'k', value: 'v' },
    document: cloud.document.name,
    functions,
  });
  for (const [name, definition] of Object.entries(definitions)) {
    expect(Object.keys(definition.offlineOnly)).toEqual(
      Object.keys(offlineOnly[name as PrincipalName] ?? {}),
    );
  }
});

test("the session document leads where the module's does, and nowhere else", async () => {
  const template = readFileSync(
    new URL('../../../../infra/modules/ci-access/documents/port.json.tftpl', import.meta.url),
    'utf8',
  );
  const { endpoint, port } = cloud.cluster;
  cloud.iam.createUser('reader', {
    policies: {
      read: {
        Version: '2012-10-17',
        Statement: { Effect: 'Allow', Action: 'ssm:GetDocument', Resource: '*' },
      },
    },
  });
  const { accessKeyId } = cloud.credentials('reader');
  const caller = cloud.iam.findKey(accessKeyId)?.caller;
  if (caller === undefined) throw new Error('the reader has no key');
  const { Content } = (await cloud.ssm.handleApi('GetDocument', { Name: cloud.document.name }, caller)) as {
    Content: string;
  };
  const wanted = template.replace(`\${host}`, endpoint).replace(`\${port}`, String(port));
  expect(JSON.parse(Content)).toEqual(JSON.parse(wanted));
});
