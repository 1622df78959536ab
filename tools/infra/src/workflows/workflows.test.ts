import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseCommand } from '@postern/connect/functions';
import { describe, expect, test } from 'vitest';
import { checkWorkflow, type Pins } from './check-workflow.ts';
import { type Job, readWorkflow } from './read-workflow.ts';

const root = resolve(import.meta.dirname, '../../../..');
const folder = join(root, '.github/workflows');
const files = readdirSync(folder);
const { actions } = JSON.parse(readFileSync(join(import.meta.dirname, 'actions.json'), 'utf8')) as {
  actions: Pins;
};
const text = (file: string): string => readFileSync(join(folder, file), 'utf8');
const check = (content: string): string[] => checkWorkflow('a.yml', content, root, actions);

test.each(files)('%s may run: valid, pinned, with the least it needs, and its commands exist', (file) => {
  expect(checkWorkflow(file, text(file), root, actions)).toEqual([]);
});

test('the three workflows are there', () => {
  expect(files.toSorted()).toEqual(['cleanup.yml', 'deploy.yml', 'integration.yml']);
});

test('every pin was read somewhere that can be looked at', () => {
  for (const { commit, version, source } of Object.values(actions)) {
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
    expect(version).toMatch(/^v\d+\.\d+\.\d+$/);
    expect(source).toMatch(/^https:\/\/github\.com\//);
  }
});

test('who deploys is whom the example lets deploy', () => {
  const example = readFileSync(join(root, 'infra/examples/complete/variables.tf'), 'utf8');
  const declared =
    /variable "deploy_environments"[^}]*?default += (\[[^\n]*\])/s.exec(example)?.[1] ?? 'null';
  const environments = Object.values(readWorkflow(text('deploy.yml')).jobs).flatMap(
    ({ environment }) => environment ?? [],
  );
  expect(JSON.parse(declared)).toEqual(environments);
});

test('what deploy.yml builds without a role is what it uploads with one', () => {
  const { build, plan } = readWorkflow(text('deploy.yml')).jobs;
  const given = (job: Job | undefined, action: string): unknown =>
    job?.steps.find(({ uses }) => uses?.startsWith(`actions/${action}@`))?.with;
  const command = parseCommand(['build']);
  const file = 'artefact' in command ? command.artefact : '';
  const artefact = { name: 'artefact', path: `${dirname(file)}/` };
  expect(build?.permissions).toEqual({ contents: 'read' });
  expect(given(build, 'upload-artifact')).toMatchObject(artefact);
  expect(given(plan, 'download-artifact')).toEqual(artefact);
});

describe('is refused:', () => {
  // Each takes something away from a workflow that is right, or puts something in.
  test.each<[string, string, (content: string) => string, string]>([
    [
      'an unknown key',
      'cleanup.yml',
      (c) => c.replace('timeout-minutes', 'timeout-minute'),
      'timeout-minute',
    ],
    ['an unknown context', 'cleanup.yml', (c) => c.replaceAll('github.run_id', 'githup.run_id'), 'githup'],
    [
      'a tag in place of a commit',
      'cleanup.yml',
      (c) => c.replace(/checkout@\S+/, 'checkout@v7'),
      'not pinned',
    ],
    ['a pin without its version', 'cleanup.yml', (c) => c.replace(/ # v7\.0\.1/, ''), 'no version'],
    [
      'a pin with another version',
      'cleanup.yml',
      (c) => c.replace('# v7.0.1', '# v7.0.2'),
      'actions.json has',
    ],
    [
      'an action nobody has looked up',
      'cleanup.yml',
      (c) => c.replace('actions/checkout@', 'actions/cache@'),
      'no line',
    ],
    [
      'rights for the whole workflow',
      'cleanup.yml',
      (c) => c.replace('permissions: {}', 'permissions: { contents: read }'),
      'permissions: {}',
    ],
    [
      'a job that may write',
      'cleanup.yml',
      (c) => c.replace('contents: read', 'contents: write'),
      'contents: write',
    ],
    [
      'a job that says no rights',
      'cleanup.yml',
      (c) => c.replace(/ +permissions:\n.*\n.*\n/, ''),
      'permissions are missing',
    ],
    [
      'a token for nothing',
      'integration.yml',
      (c) => c.replace(/(report:[\s\S]*?contents: read\n)/, '$1      id-token: write\n'),
      'without credentials to get',
    ],
    [
      'no token for credentials',
      'cleanup.yml',
      (c) => c.replace(/ +id-token: write\n/, ''),
      'credentials without id-token',
    ],
    [
      'no concurrency group',
      'cleanup.yml',
      (c) => c.replace(/concurrency:\n.*\n.*\n/, ''),
      'concurrency is missing',
    ],
    ['no time-out', 'cleanup.yml', (c) => c.replace(/ +timeout-minutes: 15\n/, ''), 'timeout-minutes'],
    [
      'a job that runs in every fork',
      'cleanup.yml',
      (c) => c.replace(/ +if: vars.*\n/, ''),
      'if asks for no variable',
    ],
    [
      'a role that is not asked for',
      'cleanup.yml',
      (c) => c.replace("vars.POSTERN_CI_ROLE_ARN != '' && ", ''),
      'does not ask for POSTERN_CI_ROLE_ARN',
    ],
    [
      'a role by its ARN',
      'cleanup.yml',
      (c) => c.replace(/role-to-assume: .*/, 'role-to-assume: arn:aws:iam::123456789012:role/x'),
      'an ARN or account id',
    ],
    [
      'a secret',
      'cleanup.yml',
      (c) => c.replace('vars.AWS_REGION', 'secrets.AWS_REGION'),
      'secrets: there are none',
    ],
    [
      'a variable that nobody explains',
      'cleanup.yml',
      (c) => c.replace('vars.AWS_REGION', 'vars.REGION_OF_OURS'),
      'REGION_OF_OURS is not explained',
    ],
    [
      'a shared session name',
      'cleanup.yml',
      (c) => c.replace(/role-session-name: .*/, 'role-session-name: postern'),
      'shared with other runs',
    ],
    [
      'a session name for a whole matrix',
      'integration.yml',
      (c) => c.replace(/-\$\{\{ strategy\.job-index \}\}\n/, '\n'),
      'jobs of the matrix',
    ],
    [
      'a fork’s pull request',
      'integration.yml',
      (c) => c.replace(/ &&\n +\(github\.event_name.*/, ''),
      'pull requests of forks',
    ],
    [
      'Dependabot’s pull request',
      'integration.yml',
      (c) => c.replace(" && github.actor != 'dependabot[bot]'", ''),
      'before a person has seen it',
    ],
    [
      'scripts of packages beside the role',
      'deploy.yml',
      (c) => c.replace(/(plan:[\s\S]*?npm ci) --ignore-scripts/, '$1'),
      'plan: scripts of packages run',
    ],
    [
      'scripts of packages beside the role of CI',
      'integration.yml',
      (c) => c.replace('npm ci --ignore-scripts', 'npm ci'),
      'suite: scripts of packages run',
    ],
    [
      'a build beside the role',
      'deploy.yml',
      (c) =>
        c.replace('run: npm run infra -- functions plan', 'run: npm run infra -- functions build --region'),
      'the artefact is built where',
    ],
    [
      'a cache beside the role',
      'deploy.yml',
      (c) => c.replace(/(apply:[\s\S]*?)package-manager-cache: false/, '$1cache: npm'),
      'apply: cache where the role can be taken',
    ],
    [
      'a cache beside the role that nobody has switched on',
      'cleanup.yml',
      (c) => c.replace(/ +package-manager-cache: false\n/, ''),
      'from the cache of other runs',
    ],
    [
      'pull_request_target',
      'integration.yml',
      (c) => c.replace('pull_request:', 'pull_request_target:'),
      'pull_request_target',
    ],
    [
      'a deploy without environment',
      'deploy.yml',
      (c) => c.replace(/ +environment: production-plan\n/, ''),
      'trusts environments only',
    ],
    [
      'an environment for the CI role',
      'cleanup.yml',
      (c) => c.replace('    runs-on', '    environment: production\n    runs-on'),
      'neither to GitHub',
    ],
    [
      'a token that stays in .git',
      'cleanup.yml',
      (c) => c.replace('persist-credentials: false', 'persist-credentials: true'),
      'persist-credentials',
    ],
    [
      'a hidden folder that is not uploaded',
      'integration.yml',
      (c) => c.replace(/ +include-hidden-files: true\n/, ''),
      'is hidden',
    ],
    [
      'an expression in a script',
      'cleanup.yml',
      (c) => c.replace('"$TESTDB"', `\${{ vars.POSTERN_TESTDB_FUNCTION }}`),
      'run has an expression',
    ],
    [
      'a variable that the step does not have',
      'cleanup.yml',
      (c) => c.replace('"$TESTDB"', '"$OTHER"'),
      'uses OTHER',
    ],
    ['a variable without quotes', 'cleanup.yml', (c) => c.replace('"$TESTDB"', '$TESTDB'), 'without quotes'],
    [
      'a script that does not exist',
      'cleanup.yml',
      (c) => c.replace('npm run infra', 'npm run sweep'),
      'no such script',
    ],
    ['an argument that does not exist', 'cleanup.yml', (c) => c.replace('--again', '--twice'), '--twice'],
    [
      'another command',
      'cleanup.yml',
      (c) => c.replace('npm ci --ignore-scripts', 'npm install'),
      'unknown: npm install',
    ],
    [
      'a project without the target',
      'integration.yml',
      (c) => c.replace('[ledger, statements]', '[ledger, orders]'),
      'orders has no target',
    ],
    [
      'a target that does not exist',
      'integration.yml',
      (c) => c.replace('$PROJECT:integration', '$PROJECT:test'),
      'only the target integration',
    ],
  ])('%s', (_, file, change, problem) => {
    const changed = change(text(file));
    expect(changed).not.toBe(text(file));
    expect(check(changed).join('\n')).toContain(problem);
  });
});
