import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runFunctions } from './run-functions.ts';

/* What is asked of AWS itself is tried in tools/infra, as the workflows do it. Here: what stands in the way before. */

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'pfn-')));
  const own = /^(AWS_|POSTERN_|GITHUB_)/;
  for (const name of Object.keys(process.env).filter((name) => own.test(name))) vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('GITHUB_STEP_SUMMARY', join(folder, 'summary'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const code = await runFunctions({
    args,
    cwd: folder,
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  });
  return { code, stdout, stderr };
}

/** postern.config.ts, of which Node loads each path once: the folder is a new one for each test. */
function configure(staging: Record<string, unknown>): void {
  const environments = {
    local: { kind: 'local', postgres: 17, path: 'full' },
    staging: { kind: 'aws', region: 'eu-west-2', cluster: 'app-staging', ...staging },
  };
  writeFileSync(
    join(folder, 'postern.config.mjs'),
    `export default { environments: ${JSON.stringify(environments)} };`,
  );
}

const artefact = (): string => {
  const file = join(folder, 'a.zip');
  const empty = new Uint8Array();
  writeFileSync(file, zipSync({ 'manifest.json': empty, 'ca.pem': empty }));
  return file;
};

describe('who asks', () => {
  test('for help gets it on stdout', async () => {
    for (const args of [['--help'], ['-h'], ['plan', '--help']])
      expect(await run(...args)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('usage: postern-functions COMMAND'),
        stderr: '',
      });
  });

  test('wrongly is told what was wrong, and how it is done', async () => {
    for (const [args, what] of [
      [[], 'A command is missing.'],
      [['drop'], '"drop" is no command.'],
      [['plan', '--force'], "Unknown option '--force'"],
      [['plan'], 'plan needs --function or --env.'],
    ] as const) {
      const { code, stdout, stderr } = await run(...args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(what);
      expect(stderr).toContain('usage: postern-functions COMMAND');
    }
  });

  test.each(['plan', 'apply', 'sweep', 'upload'])(
    'for %s without a region is told to name one',
    async (name) => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 's');
      const more = name === 'upload' ? ['--artefact', artefact()] : [];
      const { code, stderr } = await run(name, '--function', 'f', ...more);
      expect(code).toBe(2);
      expect(stderr).toContain('BOOTSTRAP_REGION_MISSING');
      expect(stderr).toContain('Next step: Set AWS_REGION');
      expect(stderr).not.toContain('correlation_id');
    },
  );

  test.each(['plan', 'upload'])('for %s without credentials is told to log in', async (name) => {
    vi.stubEnv('AWS_REGION', 'eu-west-2');
    const more = name === 'upload' ? ['--artefact', artefact()] : [];
    const { code, stderr } = await run(name, '--function', 'f', ...more);
    expect(code).toBe(1);
    expect(stderr).toMatch(/(BOOTSTRAP|CONNECT)_CREDENTIALS_UNAVAILABLE/);
    expect(stderr).toMatch(/Next step: .*aws sso login/);
    expect(stderr).not.toContain('correlation_id');
    expect(readFileSync(join(folder, 'summary'), 'utf8')).toContain(`### ❌ ${name} failed`);
  });

  test('to upload what was never built, or is something else, is told to build it', async () => {
    expect(await run('upload', '--function', 'f')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no artefact to be read in .*bootstrap\.zip.*Next step: Build it first/s),
    });
    writeFileSync(join(folder, 'a.zip'), '');
    expect(await run('upload', '--function', 'f', '--artefact', 'a.zip')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('a.zip is no artefact'),
    });
  });
});

describe('--env', () => {
  test('is refused where the offline cloud is meant, or nothing', async () => {
    configure({});
    expect(await run('plan', '--env', 'local')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is the offline cloud'),
    });
    expect(await run('plan', '--env', 'production')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('CONNECT_ENVIRONMENT_UNKNOWN'),
    });
  });

  test.each([
    ['plan', {}, '--function NAME, POSTERN_BOOTSTRAP'],
    // As a pipeline has it, whose suites shall not try the bootstrap.
    ['apply', { bootstrap: false }, '--function NAME, POSTERN_BOOTSTRAP'],
    ['upload', { testDatabases: 't' }, '--function NAME, POSTERN_BOOTSTRAP'],
    ['sweep', { bootstrap: 'b' }, '--function NAME, POSTERN_TEST_DATABASES'],
  ])('says what to name for %s where the environment does not', async (command, settings, hint) => {
    configure(settings);
    const { code, stderr } = await run(command, '--env', 'staging');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(hint) });
    expect(stderr).toContain('CONNECT_FUNCTION_NOT_CONFIGURED');
  });

  test('without a configuration says where one belongs', async () => {
    expect(await run('plan', '--env', 'staging')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('CONNECT_CONFIG_NOT_FOUND'),
    });
  });
});

test('with the role that may deploy runs no more than a command needs', async () => {
  const loaded = async (...args: string[]): Promise<string> => {
    const record = `import { registerHooks } from 'node:module'; registerHooks({ load: (url, context, next) => (process.stdout.write(url + '\\n'), next(url, context)) });`;
    const main = join(import.meta.dirname, 'main.ts');
    const hook = `data:text/javascript,${encodeURIComponent(record)}`;
    const argv = ['--conditions=@postern/source', `--import=${hook}`, main, ...args];
    const failed = (error: { stdout: string }): { stdout: string } => error;
    return (await promisify(execFile)(process.execPath, argv, { cwd: folder }).catch(failed)).stdout;
  };
  const packing = /node_modules\/esbuild\//;
  const configuration = /node_modules\/valibot|connect\/src\/config/;
  const help = await loaded('--help');
  expect(help).toContain('functions/command.ts');
  expect(help).not.toMatch(/node_modules/);
  for (const name of ['plan', 'sweep', 'upload']) {
    const urls = await loaded(
      name,
      '--function',
      'f',
      ...(name === 'upload' ? ['--artefact', artefact()] : []),
    );
    expect(urls).toMatch(/client-lambda/);
    expect(urls).not.toMatch(packing);
    expect(urls).not.toMatch(configuration);
    expect(urls).not.toMatch(/node_modules\/pg\/|local-cloud|ssm-tunnel/);
  }
});
