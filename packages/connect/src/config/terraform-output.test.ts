import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectError } from '../errors.ts';
import { readTerraformOutput } from './terraform-output.ts';

let root: string;
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'connect-terraform-')));
  mkdirSync(join(root, 'infra', 'folder.json'), { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true }));

/** As `terraform output -json postern` prints it. */
const value = {
  bootstrap: 'postern-bootstrap-app-staging',
  document: { name: 'postern-app-staging' },
  endpoint: { host: 'app.cluster-c0abcdefghij.eu-west-2.rds.amazonaws.com', port: 5432 },
  jumpHost: { tag: { 'postern:jump-host': 'app-staging' } },
  region: 'eu-west-2',
  resourceId: 'cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  testDatabases: 'postern-testdb-app-staging',
};
/** As `terraform output -json` prints all of them. */
const output = (of: unknown, sensitive = false): object => ({
  sensitive,
  type: ['object', { region: 'string' }],
  value: of,
});

function read(content: unknown): ReturnType<typeof readTerraformOutput> {
  const bytes =
    typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content, null, 2);
  writeFileSync(join(root, 'infra', 'staging.json'), bytes);
  return readTerraformOutput('infra/staging.json', root);
}

function failure(run: () => unknown): ConnectError {
  try {
    run();
  } catch (error) {
    return error as ConnectError;
  }
  throw new Error('it was taken');
}

describe('what Terraform has written', () => {
  it.each([
    ['one output', value],
    ['all outputs', { vpc_id: output('vpc-1'), postern: output(value) }],
    ['a redirection of Windows PowerShell', Buffer.from(`\ufeff${JSON.stringify(value)}`, 'utf16le')],
    ['a byte order mark', `\ufeff${JSON.stringify(value)}`],
  ])('is taken from a file with %s', (_, content) => {
    expect(read(content)).toEqual(value);
  });

  it('lacks what is null: a module that makes no test-database function says so', () => {
    const { testDatabases: _, ...others } = value;
    expect(read({ ...value, testDatabases: null })).toEqual(others);
  });

  it('may also name the cluster and jump hosts by id', () => {
    const named = { region: 'eu-west-2', cluster: 'app-staging', jumpHost: ['i-0a1b2c3d4e5f60718'] };
    expect(read(named)).toEqual(named);
  });
});

describe('a file that cannot be used', () => {
  it.each([
    ['is missing', 'infra/none.json', /^infra\/none\.json: there is no such file \(\/.*none\.json\)/],
    ['is a folder', 'infra/folder.json', /^infra\/folder\.json: cannot be read \(EISDIR\)/],
    ['is outside', '../none.json', /^\/.*none\.json: there is no such file/],
  ])('is named when it %s, with the command that writes it', (_, file, problem) => {
    expect(failure(() => readTerraformOutput(file, root))).toMatchObject({
      code: 'CONNECT_CONFIG_INVALID',
      kind: 'invalid',
      message: expect.stringContaining(file.replace('../', '')),
      problems: [expect.stringMatching(problem)],
      hint: expect.stringMatching(
        /terraform -chdir=<root module> output -json postern > .*\.json, and commit/,
      ),
    });
  });

  it.each([
    ['nothing, because the command has failed', '\n', /: is empty/],
    [
      'what is not JSON, without a word of it',
      '{\n  "password": "hunter2" ?\n}',
      /: is not JSON \(line 2 column \d+\)$/,
    ],
    ['a list', [value], /: holds no output of Terraform$/],
    ['no outputs', {}, /: has no output postern \(it has none at all\)$/],
    [
      'other outputs',
      { vpc_id: output('vpc-1'), db: output('d') },
      /: has no output postern \(it has vpc_id, db\)$/,
    ],
    ['an output that is text', { postern: output('eu-west-2') }, /: postern\.value: is no object$/],
  ])('holds %s', (_, content, problem) => {
    const error = failure(() => read(content));
    expect(error).toMatchObject({ code: 'CONNECT_CONFIG_INVALID', kind: 'invalid' });
    expect(error.problems).toEqual([expect.stringMatching(problem)]);
    expect(error.problems[0]).toMatch(/^infra\/staging\.json: /);
    expect(error.hint).toContain('output -json postern > infra/staging.json');
    expect(error.message + error.hint).not.toContain('hunter2');
  });

  it('is a state: it is not to be overwritten, and not to be committed', () => {
    const state = { version: 4, terraform_version: '1.11.4', outputs: { postern: output(value) } };
    expect(failure(() => read(state))).toMatchObject({
      code: 'CONNECT_CONFIG_INVALID',
      problems: ['infra/staging.json: is a state or a plan of Terraform, not its outputs'],
      hint: expect.stringMatching(/holds secrets.*output -json postern > infra\/<environment>\.json/),
    });
  });

  it('is told everything that is wrong with it, by field', () => {
    const wrong = {
      ...value,
      region: 'London',
      endpoint: { host: '', port: '5432', scheme: 'postgres' },
      jumpHost: { tag: {} },
      document: 'postern-app-staging',
      password: 'hunter2',
      bootstrap: 7,
    };
    const expected = [
      'bootstrap: must be the name of a function, or false',
      'document: must be { name }',
      'endpoint.host: must not be empty',
      'endpoint.port: must be a number',
      'endpoint.scheme: unknown option',
      'jumpHost.tag: needs at least one tag',
      'password: unknown option',
      'region: must be a region such as eu-west-2',
    ];
    for (const [content, where] of [
      [wrong, ''],
      [{ postern: output(wrong) }, 'postern.value.'],
    ] as const) {
      const error = failure(() => read(content));
      expect([...error.problems].sort()).toEqual(
        expected.map((problem) => `infra/staging.json: ${where}${problem}`),
      );
      for (const problem of error.problems) expect(error.message).toContain(problem);
      expect(error.hint).toContain(
        'region, cluster, endpoint, resourceId, jumpHost, document, bootstrap, testDatabases',
      );
      expect(JSON.stringify(error) + error.message).not.toContain('hunter2');
    }
  });
});

describe('a secret in a file that is committed', () => {
  it('is refused by name, whichever output it is, and its value is not repeated', () => {
    const content = {
      postern: output(value),
      master_password: output('hunter2', true),
      token: output({ a: 'hunter3' }, true),
    };
    const error = failure(() => read(content));
    expect(error.problems).toEqual([
      expect.stringMatching(/^infra\/staging\.json: output master_password is sensitive/),
      expect.stringMatching(/^infra\/staging\.json: output token is sensitive/),
    ]);
    expect(error.hint).toMatch(/this one output instead of all.*replace the secrets/);
    expect(JSON.stringify(error) + error.message + error.hint).not.toMatch(/hunter/);
  });

  it('makes the whole output sensitive when it is made of one', () => {
    const error = failure(() => read({ postern: output(value, true) }));
    expect(error.problems).toEqual([expect.stringContaining('output postern is sensitive')]);
    expect(error.hint).toContain('names only');
  });
});
