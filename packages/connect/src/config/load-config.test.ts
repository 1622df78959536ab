import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectError } from '../errors.ts';
import { loadConfig } from './load-config.ts';

const settings = new URL('./settings.ts', import.meta.url).href;

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'connect-config-')));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (content: string, name = 'postern.config.ts'): void =>
  writeFileSync(join(folder, name), `import { aws, defineConfig, local } from '${settings}';\n${content}\n`);

const failure = async (content: string): Promise<ConnectError> => {
  write(content);
  return (await loadConfig({ cwd: folder, env: {} }).catch((error: unknown) => error)) as ConnectError;
};

const aws = (options: string): string =>
  `export default defineConfig({ environments: { a: aws(${options}) } });`;

describe('the configuration', () => {
  it('is found upward, types and all, and its folder is the root', async () => {
    write(
      'const name: string = "local"; export default defineConfig({ environments: { [name]: local() } });',
    );
    const below = join(folder, 'apps', 'ledger');
    mkdirSync(below, { recursive: true });
    const { root, config } = await loadConfig({ cwd: below, env: {} });
    expect(root).toBe(folder);
    expect(config.environments).toEqual({ local: { kind: 'local', postgres: 17, path: 'full' } });
  });

  it('has one root, also when it is reached through a symbolic link', async () => {
    write('export default defineConfig({ environments: { local: local() } });');
    const link = `${folder}-link`;
    symlinkSync(folder, link);
    try {
      expect((await loadConfig({ cwd: link, env: {} })).root).toBe(folder);
    } finally {
      rmSync(link);
    }
  });

  it('can be named by argument or POSTERN_CONFIG', async () => {
    write('export default defineConfig({ environments: { local: local() } });', 'other.config.ts');
    const byArgument = await loadConfig({ cwd: folder, file: 'other.config.ts', env: {} });
    const byVariable = await loadConfig({ cwd: folder, env: { POSTERN_CONFIG: 'other.config.ts' } });
    expect(byArgument.file).toBe(byVariable.file);
  });

  it('that is missing is explained with an example', async () => {
    await expect(loadConfig({ cwd: folder, env: {} })).rejects.toMatchObject({
      code: 'CONNECT_CONFIG_NOT_FOUND',
      kind: 'invalid',
      message: expect.stringContaining(folder),
      hint: expect.stringContaining('defineConfig'),
    });
    await expect(loadConfig({ cwd: folder, file: 'nope.ts', env: {} })).rejects.toMatchObject({
      code: 'CONNECT_CONFIG_NOT_FOUND',
      message: expect.stringContaining('nope.ts'),
    });
  });

  it('that throws is reported with its own error as cause', async () => {
    expect(await failure('throw new Error("no such thing");')).toMatchObject({
      code: 'CONNECT_CONFIG_LOAD_FAILED',
      kind: 'invalid',
      message: expect.stringMatching(/postern\.config\.ts.*no such thing/),
      cause: expect.any(Error),
    });
  });
});

describe('everything that is wrong is reported at once, by name', () => {
  it('in the settings of a tunnel, without repeating a password', async () => {
    const tunnel = (settings: string): string =>
      aws(
        `{ region: 'eu-west-2', cluster: 'c', jumpHost: ['i-0a1b2c3d4e5f60718', 'mi-0a1b2c3d4e5f60718'], tunnel: ${settings} }`,
      );
    write(
      tunnel(`{ sessions: { min: 0, max: 4, idleMs: 5 }, uploadPayloadBytes: 16384, keepAliveIntervalMs: 0, proxy: false,
        endpoint: 'https://vpce-1.ssm.eu-west-2.vpce.amazonaws.com', streamEndpoint: 'wss://vpce-1.example' }`),
    );
    await expect(loadConfig({ cwd: folder, env: {} })).resolves.toBeDefined();
    const file = 'b.config.ts';
    write(
      tunnel(`{ sessions: { min: 65, max: 0, most: 1 }, uploadPayloadBytes: '1k', keepAliveIntervalMs: -1,
        proxy: 'http://user:hunter2@proxy:3128', endpoint: 'ssm', streamEndpoint: 'https://x', useFips: true }`),
      file,
    );
    const error = (await loadConfig({ cwd: folder, file, env: {} }).catch((e: unknown) => e)) as ConnectError;
    expect([...error.problems].sort()).toEqual([
      'environments.a.tunnel.endpoint: must be a URL that begins with https:// or http://',
      'environments.a.tunnel.keepAliveIntervalMs: must be a whole number from 0 to 2147483647',
      'environments.a.tunnel.proxy: must hold no user and password: those belong into HTTPS_PROXY',
      'environments.a.tunnel.sessions.max: must be a whole number from 1 to 64',
      'environments.a.tunnel.sessions.min: must be a whole number from 0 to 64',
      'environments.a.tunnel.sessions.most: unknown option',
      'environments.a.tunnel.streamEndpoint: must be a URL that begins with wss:// or ws://',
      'environments.a.tunnel.uploadPayloadBytes: must be a whole number from 64 to 65536',
      'environments.a.tunnel.useFips: unknown option',
    ]);
    expect(JSON.stringify(error) + error.message).not.toContain('hunter2');
  });

  it('across environments', async () => {
    const error = await failure(`export default {
      environments: {
        'Bad Name': local(),
        one: aws({ region: 'london', cluster: 'app', jumpHost: 'web-1', color: 'blue' }),
        two: { kind: 'local', postgres: 12, path: 'short' },
        three: {},
      },
      defaultEnvironment: 7,
    };`);
    expect(error.code).toBe('CONNECT_CONFIG_INVALID');
    expect(error.kind).toBe('invalid');
    const expected = [
      /^environments\.Bad Name: /,
      /^environments\.one\.region: must be a region/,
      /^environments\.one\.jumpHost: must be an instance id/,
      /^environments\.one\.color: unknown option/,
      /^environments\.two\.postgres: must be 17/,
      /^environments\.two\.path: must be 'full' or 'direct'/,
      /^environments\.three.*: must be made by local\(\) or aws\(\)/,
      /^defaultEnvironment: /,
    ];
    for (const pattern of expected) {
      expect(error.problems).toContainEqual(expect.stringMatching(pattern));
      expect(error.message).toMatch(new RegExp(pattern.source.replace('^', ''), 'm'));
    }
  });

  it.each([
    ['nothing', 'export const x = 1;', /^configuration: /],
    ['no environments', 'export default {};', /^environments: is missing/],
    ['an empty list', 'export default { environments: {} };', /^environments: needs at least one/],
    [
      'an unknown default',
      `export default { environments: { a: local() }, defaultEnvironment: 'b' };`,
      /names no environment/,
    ],
    ['an unknown key', 'export default { environments: { a: local() }, env: 1 };', /^env: unknown option/],
    [
      'neither cluster nor endpoint',
      aws(`{ region: 'eu-west-2' }`),
      /^environments\.a: needs either cluster or endpoint/,
    ],
    [
      'fewer sessions at most than at least',
      aws(
        `{ region: 'eu-west-2', cluster: 'c', jumpHost: { tag: { a: 'b' } }, tunnel: { sessions: { min: 3, max: 2 } } }`,
      ),
      /^environments\.a\.tunnel\.sessions: min is above max/,
    ],
    [
      'a proxy that is no URL',
      aws(
        `{ region: 'eu-west-2', cluster: 'c', jumpHost: { tag: { a: 'b' } }, tunnel: { proxy: 'proxy:3128' } }`,
      ),
      /^environments\.a\.tunnel\.proxy: must be a URL that begins with http/,
    ],
    [
      'a file of Terraform that is no path',
      aws(`{ terraform: true }`),
      /^environments\.a\.terraform: must be text/,
    ],
    [
      'an unknown option beside a file of Terraform',
      aws(`{ terraform: 'infra/staging.json', clutser: 'app' }`),
      /^environments\.a\.clutser: unknown option/,
    ],
    [
      'both, beside a file of Terraform',
      aws(`{ terraform: 'a.json', cluster: 'c', endpoint: { host: 'h', port: 1 } }`),
      /^environments\.a: takes cluster or endpoint, not both/,
    ],
    [
      'both',
      aws(`{ region: 'eu-west-2', cluster: 'c', endpoint: { host: 'h', port: 1 } }`),
      /either cluster or endpoint/,
    ],
    [
      'the resource id for the identifier',
      aws(`{ region: 'eu-west-2', cluster: 'cluster-ABC123' }`),
      /^environments\.a\.cluster: .*not the resource id/,
    ],
    [
      'a document without jump host',
      aws(`{ region: 'eu-west-2', cluster: 'c', document: { name: 'd' } }`),
      /document needs a jumpHost/,
    ],
    [
      'a tunnel without jump host',
      aws(`{ region: 'eu-west-2', cluster: 'c', tunnel: {} }`),
      /tunnel needs a jumpHost/,
    ],
    [
      'an empty list of jump hosts',
      aws(`{ region: 'eu-west-2', cluster: 'c', jumpHost: [] }`),
      /^environments\.a\.jumpHost: must be an instance id/,
    ],
    [
      'an empty tag',
      aws(`{ region: 'eu-west-2', cluster: 'c', jumpHost: { tag: {} } }`),
      /^environments\.a\.jumpHost/,
    ],
    [
      'a port that is none',
      aws(`{ region: 'eu-west-2', endpoint: { host: 'h', port: 70000 } }`),
      /^environments\.a\.endpoint\.port/,
    ],
  ])('%s', async (_, content, pattern) => {
    const error = await failure(content);
    expect(error.code).toBe('CONNECT_CONFIG_INVALID');
    expect(error.problems).toContainEqual(expect.stringMatching(pattern));
  });
});
