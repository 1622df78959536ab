import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const program = fileURLToPath(new URL('../src/terraform.ts', import.meta.url));
const comparison = fileURLToPath(new URL('../src/terraform-compare.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
  /** What is left in the folder for temporary files. */
  readonly left: readonly string[];
}

/** Runs the runner with a PATH of one folder; `onReady` once the program in Terraform's place has said "ready". */
async function runner(
  args: readonly string[],
  terraform: string | undefined,
  onReady: (kill: (signal: NodeJS.Signals) => void) => void = () => {},
  file: string = program,
): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-runner-test-'));
  const temporary = await mkdtemp(join(tmpdir(), 'postern-runner-test-tmp-'));
  onTestFinished(async () => {
    for (const path of [folder, temporary]) await rm(path, { recursive: true, force: true });
  });
  if (terraform !== undefined)
    await writeFile(join(folder, 'terraform'), `#!${process.execPath}\n${terraform}\n`, { mode: 0o755 });
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=@postern/source', file, ...args], {
      cwd: folder,
      env: { PATH: folder, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const read = (text: string): void => {
      const ready = output.includes('ready');
      output += text;
      if (!ready && output.includes('ready')) onReady((signal) => child.kill(signal));
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.on('error', reject);
    child.on('close', (code) => {
      readdir(temporary).then((left) => resolve({ code, output, left }), reject);
    });
  });
}

test('the exit code is Terraform’s, and its arguments are ours', async () => {
  const ended = await runner(
    ['.', 'fmt', '-check'],
    `console.log(process.argv.slice(3)); process.exitCode = 3;`,
  );
  expect(ended).toEqual({ code: 3, output: "[ 'fmt', '-check' ]\n", left: [] });
});

test('what would make something on AWS is not started', async () => {
  const ended = await runner(['.', 'apply'], `console.log('applied');`);
  expect(ended).toMatchObject({ code: 2, output: expect.stringContaining('apply is none of') });
  expect(ended.output).not.toContain('applied');
});

test('a machine without Terraform says so, and a call without a command how it is done', async () => {
  expect(await runner(['.', 'fmt'], undefined)).toEqual({
    code: 2,
    output: expect.stringContaining('Terraform 1.11 or newer has to be on PATH'),
    left: [],
  });
  expect(await runner(['.'], undefined)).toMatchObject({ code: 2, output: expect.stringContaining('Usage') });
});

test('an end before its time is no success, even if Terraform takes it for one, and leaves nothing', async () => {
  const graceful = `process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000); console.log('ready');`;
  const ended = await runner(['.', 'fmt'], graceful, (kill) => kill('SIGTERM'));
  expect(ended).toEqual({ code: 143, output: 'ready\n', left: [] });
});

const compare = (what: string, terraform: string): Promise<Ended> =>
  runner([what], terraform, undefined, comparison);

test('a policy that Terraform renders in another way is named', async () => {
  const ended = await compare(
    'policies',
    `const { readFileSync } = require('node:fs');
     const [chdir, command] = process.argv.slice(2);
     if (command !== 'console') process.exit(0);
     const cases = readFileSync(chdir.slice('-chdir='.length) + '/main.tf', 'utf8').match(/templatefile\\(/g);
     console.log(JSON.stringify(Buffer.from(JSON.stringify(cases.map(() => '{"Version":"1"}'))).toString('base64')));`,
  );
  expect(ended).toMatchObject({ code: 1, left: [] });
  expect(ended.output).toContain(
    'ci-access/ci-tunnel: Terraform renders {"Version":"1"}, we render {"Version":',
  );
  expect(ended.output).toMatch(/^0 of [1-9]\d+ agree\.$/m);
});

test('an output that the configuration does not take is named with its example and run', async () => {
  const postern = { sensitive: false, type: ['object', { region: 'string' }], value: { region: 'London' } };
  const state = { '@testrun': 'it_runs', test_state: { outputs: { postern } } };
  const ended = await compare(
    'outputs',
    `if (process.argv[3] === 'test') console.log(${JSON.stringify(JSON.stringify(state))});`,
  );
  expect(ended).toMatchObject({ code: 1, left: [] });
  expect(ended.output).toMatch(/complete, run it_runs: .*region/s);
});

test('tests that fail have no outputs to compare, and what is not named cannot be compared', async () => {
  const failing = await compare('outputs', `process.exitCode = process.argv[3] === 'test' ? 1 : 0;`);
  expect(failing).toMatchObject({ code: 1, output: expect.stringContaining('terraform test of') });
  expect(await compare('plans', '')).toMatchObject({
    code: 2,
    output: expect.stringContaining('outputs|policies'),
  });
});
