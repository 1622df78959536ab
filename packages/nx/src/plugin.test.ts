import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connectStandIn, posternConfig, type TempWorkspace, tempWorkspace } from '../test/temp-workspace.ts';
import { NxPluginError } from './errors.ts';
import type { PluginOptions, Target } from './nx-types.ts';
import { createNodes } from './plugin.ts';

let workspace: TempWorkspace;

beforeEach(async () => {
  for (const name of Object.keys(process.env).filter((variable) => variable.startsWith('POSTERN_')))
    vi.stubEnv(name, undefined);
  workspace = await tempWorkspace({
    ...connectStandIn,
    'postern.config.ts': posternConfig,
    'apps/ledger/package.json': '{"name":"ledger"}',
    'apps/ledger/vitest.integration.config.ts': '',
    'apps/ledger/database/database.ts': '',
    'apps/ledger/database/migrations/0001_accounts.sql': '',
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await workspace.remove();
});

const infer = (
  options?: PluginOptions,
  files: readonly string[] = ['apps/ledger/vitest.integration.config.ts'],
  namedInputs: Record<string, unknown> = { production: [] },
) =>
  createNodes[1](files, options, {
    workspaceRoot: workspace.root,
    nxJsonConfiguration: { namedInputs },
  });

async function inferredTarget(options?: PluginOptions): Promise<Target> {
  const target = (await infer(options))[0]?.[1].projects['apps/ledger']?.targets['integration'];
  if (target === undefined) throw new Error('No target was inferred.');
  return target;
}

test('a project with an integration suite gets the target with everything that decides its result', async () => {
  expect(await infer()).toMatchInlineSnapshot(`
    [
      [
        "apps/ledger/vitest.integration.config.ts",
        {
          "projects": {
            "apps/ledger": {
              "targets": {
                "integration": {
                  "cache": true,
                  "command": "vitest run --config vitest.integration.config.ts",
                  "inputs": [
                    "default",
                    "^production",
                    "{projectRoot}/database/**/*",
                    {
                      "dependencies": true,
                      "fileset": "{projectRoot}/database/**/*",
                    },
                    "{workspaceRoot}/postern.config.*",
                    {
                      "env": "POSTERN_CONFIG",
                    },
                    {
                      "env": "POSTERN_ENV",
                    },
                    {
                      "env": "POSTERN_LOCAL_PATH",
                    },
                    {
                      "env": "POSTERN_POSTGRES_URL",
                    },
                    {
                      "runtime": "node --version",
                    },
                  ],
                  "metadata": {
                    "description": "Integration suite on migrated databases of its own",
                    "environment": {
                      "kind": "local",
                      "name": "local",
                    },
                    "help": {
                      "command": "vitest run --help",
                      "example": {
                        "args": [
                          "--reporter=verbose",
                        ],
                      },
                    },
                    "technologies": [
                      "vitest",
                      "postern",
                    ],
                  },
                  "options": {
                    "cwd": "{projectRoot}",
                  },
                },
              },
            },
          },
        },
      ],
    ]
  `);
});

test('a cluster on AWS is never answered from the cache', async () => {
  vi.stubEnv('POSTERN_ENV', 'staging');
  const target = await inferredTarget();
  expect(target.cache).toBe(false);
  expect(target.metadata.environment).toEqual({ name: 'staging', kind: 'aws' });
});

test('a configuration that cannot be read costs the cache, not the project graph, and says why', async () => {
  await workspace.write({ 'postern.config.ts': 'throw new RangeError("no such luck");' });
  const target = await inferredTarget();
  expect(target.cache).toBe(false);
  expect(target.metadata.environment).toEqual({
    unknown: 'postern.config could not be read: RangeError: no such luck',
  });
});

test.each(['.env', 'apps/ledger/.env.integration.local', 'apps/ledger/.integration.env'])(
  'an environment that %s chooses costs the cache, and says why',
  async (file) => {
    await workspace.write({ [file]: '# here\nexport POSTERN_ENV=staging\n' });
    const target = await inferredTarget();
    expect(target.cache).toBe(false);
    expect(target.metadata.environment).toEqual({
      unknown: `${file} chooses it; set POSTERN_ENV in the environment of Nx instead.`,
    });
    await workspace.write({ [file]: 'OTHER_POSTERN_ENV=1\n#POSTERN_ENV=staging' });
    expect((await inferredTarget()).cache).toBe(true);
  },
);

test('a folder that is no project stays none', async () => {
  await workspace.write({ 'docs/example/vitest.integration.config.ts': '' });
  expect(await infer({}, ['docs/example/vitest.integration.config.ts'])).toEqual([]);
});

test('a project at the workspace root works as any other', async () => {
  await workspace.write({ 'package.json': '{"name":"root"}', 'vitest.integration.config.mjs': '' });
  const [entry] = await infer({}, ['vitest.integration.config.mjs']);
  expect(entry?.[1].projects['.']?.targets['integration']?.command).toBe(
    'vitest run --config vitest.integration.config.mjs',
  );
});

test('a workspace without a production input hashes the whole of its dependencies', async () => {
  const [entry] = await infer({}, undefined, {});
  expect(entry?.[1].projects['apps/ledger']?.targets['integration']?.inputs).toContain('^default');
});

test('every POSTERN_ variable that is set counts', async () => {
  vi.stubEnv('POSTERN_SOMETHING', 'x');
  expect((await inferredTarget()).inputs).toContainEqual({ env: 'POSTERN_SOMETHING' });
});

test('the name of the target and its environment are the choice of nx.json', async () => {
  const [entry] = await infer({ targetName: 'it', env: { NODE_OPTIONS: '--conditions=x' } });
  expect(Object.keys(entry?.[1].projects['apps/ledger']?.targets ?? {})).toEqual(['it']);
  expect(entry?.[1].projects['apps/ledger']?.targets['it']?.options).toEqual({
    cwd: '{projectRoot}',
    env: { NODE_OPTIONS: '--conditions=x' },
  });
});

test('a wrong option is refused with every problem at once', async () => {
  const wrong = { targetName: 'a b', env: [], cached: true } as unknown as PluginOptions;
  const error = await infer(wrong).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NxPluginError);
  expect(error).toMatchObject({
    code: 'NX_OPTIONS_INVALID',
    message:
      'The options of @postern/nx are not valid: cached is not an option; targetName must be a name without spaces and colons; env must map names to strings.',
  });
});
