import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aws, resolveEnvironment } from '@postern/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';

/**
 * `find-task.sh` of the jump host's module, with a command `aws` that says what the CLI says. That AWS's own CLI takes
 * these arguments and answers like this, `npm run interop` makes sure.
 */
const script = fileURLToPath(new URL('../../../../infra/modules/jump-host/find-task.sh', import.meta.url));
const cluster = 'postern-jump-host-app-staging';
const arn = (id: string): string => `arn:aws:ecs:eu-west-2:123456789012:task/${cluster}/${id}`;
const row = (id: string, runtime: string, agent: string): string => [arn(id), runtime, agent].join('\t');
const old = '0123456789abcdef0123456789abcdef';
const young = 'fedcba9876543210fedcba9876543210';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'find-task-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What `aws` was called with. */
  readonly calls: readonly string[][];
}

/** Runs it; each call of `aws` prints the next of these answers, the last one again and again. */
function find(answers: readonly string[], exitCode = 0): Answer {
  const log = join(folder, 'calls');
  writeFileSync(log, '');
  const fake = `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs');
const answers = ${JSON.stringify(answers)};
const calls = readFileSync(${JSON.stringify(log)}, 'utf8').split('\\n').length - 1;
appendFileSync(${JSON.stringify(log)}, JSON.stringify(process.argv.slice(2)) + '\\n');
console.log(answers[Math.min(calls, answers.length - 1)]);
process.exitCode = ${exitCode};
`;
  writeFileSync(join(folder, 'aws'), fake, { mode: 0o755 });
  const { status, stdout, stderr } = spawnSync(script, [cluster], {
    encoding: 'utf8',
    env: {
      PATH: [folder, process.env['PATH']].join(delimiter),
      FIND_TASK_PAUSE_SECONDS: '0',
      FIND_TASK_TRIES: '3',
    },
  });
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as string[]);
  return { status, stdout, stderr, calls };
}

test('the target is what an environment takes in place of the tag, which no task has', () => {
  const { status, stdout, stderr, calls } = find([arn(old), row(old, `${old}-527074092`, 'RUNNING')]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe(`ecs:${cluster}_${old}_${old}-527074092\n`);
  expect(calls.map((call) => call.slice(0, 6))).toEqual([
    ['ecs', 'list-tasks', '--cluster', cluster, '--service-name', cluster],
    ['ecs', 'describe-tasks', '--cluster', cluster, '--tasks', arn(old)],
  ]);
  const said = { env: { POSTERN_JUMP_HOST: stdout.trim() } };
  const tag = { tag: { 'postern:jump-host': 'app-staging' } };
  expect(resolveEnvironment(staging(tag), 'staging', said).settings).toMatchObject({
    jumpHost: stdout.trim(),
  });
});

test('an output that names no jump host, because no tag finds a task, asks for it where nobody has looked', () => {
  const target = `ecs:${cluster}_${old}_${old}-527074092`;
  const said = { env: { POSTERN_JUMP_HOST: target } };
  expect(resolveEnvironment(staging(null), 'staging', said).settings).toMatchObject({ jumpHost: target });
  expect(() => resolveEnvironment(staging(null), 'staging', { env: {} })).toThrow(
    'document needs a jumpHost (a Fargate task has no fixed one: POSTERN_JUMP_HOST)',
  );
});

/** A workspace whose environment is what Terraform has put out. */
function staging(jumpHost: unknown): Parameters<typeof resolveEnvironment>[0] {
  const endpoint = { host: 'app.example', port: 5432 };
  const output = { region: 'eu-west-2', endpoint, jumpHost, document: { name: 'postern-app-staging' } };
  writeFileSync(join(folder, 'staging.json'), JSON.stringify(output));
  const environments = { staging: aws({ terraform: 'staging.json' }) };
  return { root: folder, file: 'postern.config.ts', config: { environments } };
}

test('while the task is replaced, it is the one whose agent runs', () => {
  const both = `${arn(young)}\t${arn(old)}`;
  const rows = [row(young, `${young}-1`, 'PENDING'), row(old, `${old}-2`, 'RUNNING')].join('\n');
  const { stdout, calls } = find([both, rows]);
  expect(stdout).toBe(`ecs:${cluster}_${old}_${old}-2\n`);
  expect(calls[1]?.slice(4, 7)).toEqual(['--tasks', arn(young), arn(old)]);
});

test('a task that comes up just now is waited for', () => {
  const coming = row(young, 'None', 'None');
  const { status, stdout, calls } = find([
    '',
    arn(young),
    coming,
    arn(young),
    row(young, `${young}-1`, 'RUNNING'),
  ]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: `ecs:${cluster}_${young}_${young}-1\n` });
  expect(calls).toHaveLength(5);
});

test.each([
  ['no task', ['None']],
  ['a task whose agent does not run', [arn(old), row(old, `${old}-2`, 'STOPPED'), 'None']],
])('%s: nothing is printed that could be taken for a target, and where to look is said', (_, answers) => {
  const { status, stdout, stderr } = find(answers);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(
    /cluster postern-jump-host-app-staging has (no task|a task whose agent does not run)\. /,
  );
  expect(stderr).toContain('aws ecs describe-services --cluster postern-jump-host-app-staging');
});

test('who may not look is told so by AWS, at once', () => {
  const { status, stdout, calls } = find([''], 254);
  expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
  expect(calls).toHaveLength(1);
});
