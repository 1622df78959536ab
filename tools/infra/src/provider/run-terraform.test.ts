import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runTerraform, type TerraformResult } from './run-terraform.ts';

const schema = {
  provider: '0.0.0',
  source: 'this test',
  configuration: { attributes: {}, blocks: {} },
  resources: {},
  data: {},
};

/** A program in Terraform's place that says how it was called. */
async function run(
  args: readonly string[],
  body: string,
  input?: string,
): Promise<TerraformResult & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-terraform-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const executable = join(folder, 'terraform');
  await writeFile(
    executable,
    `#!${process.execPath}\nconst [where, command] = process.argv.slice(2);\n${body}\n`,
    { mode: 0o755 },
  );
  const result = await runTerraform({
    directory: folder,
    args,
    schema,
    executable,
    ...(input === undefined ? {} : { input }),
  });
  return { ...result, folder };
}

test('Terraform is prepared first, and nothing of the caller has a say', async () => {
  vi.stubEnv('TF_VAR_name', 'mine');
  vi.stubEnv('TF_CLI_ARGS', '-json');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'mine');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { code, stdout, folder } = await run(
    ['validate', '-json'],
    `const fs = require('node:fs');
     const data = process.env.TF_DATA_DIR;
     if (command === 'init') { fs.mkdirSync(data); process.exit(0); }
     const { registry } = { registry: JSON.parse(process.env.TF_REATTACH_PROVIDERS) };
     console.log(JSON.stringify({
       args: process.argv.slice(2),
       names: Object.keys(process.env).filter((name) => /^(TF|AWS)_/.test(name)).sort(),
       prepared: fs.existsSync(data),
       configuration: fs.readFileSync(process.env.TF_CLI_CONFIG_FILE, 'utf8'),
       socket: fs.statSync(registry['hashicorp/aws'].Addr.String).isSocket(),
     }));`,
  );
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    args: [`-chdir=${folder}`, 'validate', '-json'],
    names: ['TF_CLI_CONFIG_FILE', 'TF_DATA_DIR', 'TF_INPUT', 'TF_IN_AUTOMATION', 'TF_REATTACH_PROVIDERS'],
    prepared: true,
    configuration: '',
    socket: true,
  });
});

test('the exit code and both streams are what Terraform said', async () => {
  const result = await run(
    ['fmt'],
    `console.log(command, where.startsWith('-chdir='));
     console.error('no');
     process.exitCode = 3;`,
  );
  expect(result).toMatchObject({ code: 3, stdout: 'fmt true\n', stderr: 'no\n' });
});

test('a folder that cannot be prepared is the end of it', async () => {
  const result = await run(
    ['validate'],
    `console.log(command); process.exitCode = command === 'init' ? 1 : 0;`,
  );
  expect(result).toMatchObject({ code: 1, stdout: 'init\n' });
});

test('a console reads what it is given', async () => {
  const { stdout } = await run(
    ['console'],
    `if (command === 'console') process.stdin.pipe(process.stdout);`,
    '1 + 1\n',
  );
  expect(stdout).toBe('1 + 1\n');
});

test('an end by a signal is told as a shell does, and nothing stays behind', async () => {
  vi.stubEnv('TMPDIR', await mkdtemp(join(tmpdir(), 'postern-terraform-end-')));
  const temporary = tmpdir();
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(temporary, { recursive: true, force: true });
  });
  const listeners = process.listenerCount('SIGTERM');
  expect(await run(['fmt'], `process.kill(process.pid, 'SIGKILL');`)).toMatchObject({ code: 137 });
  expect(readdirSync(temporary).filter((name) => !name.startsWith('postern-terraform-test-'))).toEqual([]);
  expect(process.listenerCount('SIGTERM')).toBe(listeners);
});
