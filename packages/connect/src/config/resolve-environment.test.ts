import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadedConfig } from './load-config.ts';
import { resolveEnvironment } from './resolve-environment.ts';
import { aws, local, type PosternConfig } from './settings.ts';

const staging = aws({ region: 'eu-west-2', cluster: 'app-staging', jumpHost: { tag: { role: 'jump' } } });

const loaded = (config: PosternConfig): LoadedConfig => ({
  file: '/repo/postern.config.ts',
  root: '/repo',
  config,
});
const three = loaded({ environments: { local: local(), staging, prod: staging } });

describe('the environment that is used', () => {
  it.each([
    ['an argument before POSTERN_ENV', three, 'prod', { POSTERN_ENV: 'staging' }, 'prod'],
    [
      'POSTERN_ENV before the default',
      loaded({ ...three.config, defaultEnvironment: 'prod' }),
      undefined,
      { POSTERN_ENV: 'staging' },
      'staging',
    ],
    [
      'the default before local',
      loaded({ ...three.config, defaultEnvironment: 'prod' }),
      undefined,
      {},
      'prod',
    ],
    ['local when nothing is said', three, undefined, { POSTERN_ENV: '' }, 'local'],
    ['the only one', loaded({ environments: { staging } }), undefined, {}, 'staging'],
  ])('is %s', (_, config, name, env, expected) => {
    expect(resolveEnvironment(config, name, { env }).name).toBe(expected);
  });

  it.each([
    ['an unknown one', three, 'production', /no environment "production".*local, staging, prod/],
    ['a name that every object has', three, 'constructor', /no environment "constructor"/],
    [
      'none, of several without a local one',
      loaded({ environments: { staging, prod: staging } }),
      undefined,
      /No environment was named.*staging, prod/,
    ],
  ])('is refused with the known ones when it is %s', (_, config, name, message) => {
    expect(() => resolveEnvironment(config, name, { env: {} })).toThrow(
      expect.objectContaining({
        code: 'CONNECT_ENVIRONMENT_UNKNOWN',
        kind: 'invalid',
        message: expect.stringMatching(message),
      }),
    );
  });
});

describe('what overrides the file', () => {
  it('is a variable, and a flag before it', () => {
    const env = {
      POSTERN_REGION: 'eu-west-1',
      POSTERN_JUMP_HOST: 'i-0a1b2c3d4e5f60718',
      POSTERN_CLUSTER: '',
    };
    const byVariable = resolveEnvironment(three, 'staging', { env }).settings;
    expect(byVariable).toMatchObject({
      region: 'eu-west-1',
      jumpHost: 'i-0a1b2c3d4e5f60718',
      cluster: 'app-staging',
    });
    const byFlag = resolveEnvironment(three, 'staging', { env, flags: { region: 'us-east-1' } }).settings;
    expect(byFlag).toMatchObject({ region: 'us-east-1', jumpHost: 'i-0a1b2c3d4e5f60718' });
  });

  it('takes the place of the endpoint when it names a cluster', () => {
    const fixed = loaded({
      environments: {
        a: aws({ region: 'eu-west-2', endpoint: { host: 'h.rds.amazonaws.com', port: 5432 } }),
      },
    });
    const { settings } = resolveEnvironment(fixed, 'a', { env: { POSTERN_CLUSTER: 'app' } });
    expect(settings).toMatchObject({ cluster: 'app' });
    expect(settings).not.toHaveProperty('endpoint');
  });

  it('is checked as the file is, and the message names the variable', () => {
    expect(() => resolveEnvironment(three, 'staging', { env: { POSTERN_REGION: 'london' } })).toThrow(
      expect.objectContaining({
        code: 'CONNECT_CONFIG_INVALID',
        message: expect.stringMatching(/POSTERN_REGION[\s\S]*environments\.staging\.region/),
      }),
    );
  });

  it('leaves the offline environment alone when it is about AWS, and the other way round', () => {
    const env = { POSTERN_REGION: 'london' };
    expect(resolveEnvironment(three, 'local', { env, flags: { region: 'rome' } }).settings).toEqual(local());
    const direct = { env: { POSTERN_LOCAL_PATH: 'direct' }, flags: { path: 'direct' } as const };
    expect(resolveEnvironment(three, 'staging', direct).settings).toEqual(staging);
  });

  it("is never ignored: a server of one's own is refused as long as it cannot be used", () => {
    const env = { POSTERN_POSTGRES_URL: 'postgres://postgres@localhost/postgres' };
    expect(() => resolveEnvironment(three, 'local', { env })).toThrow(
      expect.objectContaining({
        code: 'CONNECT_CONFIG_INVALID',
        kind: 'invalid',
        message: expect.stringContaining('POSTERN_POSTGRES_URL'),
      }),
    );
    expect(resolveEnvironment(three, 'staging', { env }).settings).toEqual(staging);
  });

  it('is the path of the offline environment: flag, POSTERN_LOCAL_PATH, file, full', () => {
    const direct = loaded({ environments: { local: local({ path: 'direct' }) } });
    const path = (...[config, options]: [LoadedConfig, Parameters<typeof resolveEnvironment>[2]]): unknown =>
      resolveEnvironment(config, 'local', options).settings;
    expect(path(three, { env: {} })).toMatchObject({ path: 'full' });
    expect(path(direct, { env: {} })).toMatchObject({ path: 'direct' });
    expect(path(three, { env: { POSTERN_LOCAL_PATH: 'direct' } })).toMatchObject({ path: 'direct' });
    expect(path(direct, { env: { POSTERN_LOCAL_PATH: 'full' } })).toMatchObject({ path: 'full' });
    expect(path(three, { env: { POSTERN_LOCAL_PATH: 'direct' }, flags: { path: 'full' } })).toMatchObject({
      path: 'full',
    });
    expect(() => path(three, { env: { POSTERN_LOCAL_PATH: 'short' } })).toThrow(
      expect.objectContaining({
        code: 'CONNECT_CONFIG_INVALID',
        message: expect.stringMatching(/POSTERN_LOCAL_PATH[\s\S]*environments\.local\.path.*full.*direct/),
      }),
    );
  });
});

describe('an environment that Terraform has written down', () => {
  const facts = {
    region: 'eu-west-2',
    endpoint: { host: 'app.cluster-c0abcdefghij.eu-west-2.rds.amazonaws.com', port: 5432 },
    resourceId: 'cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    jumpHost: { tag: { 'postern:jump-host': 'app-staging' } },
    document: { name: 'postern-app-staging' },
    testDatabases: 'postern-testdb-app-staging',
  };
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'connect-resolve-'));
    writeFileSync(join(root, 'staging.json'), JSON.stringify(facts));
    writeFileSync(join(root, 'half.json'), JSON.stringify({ endpoint: facts.endpoint }));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const resolved = (
    options: Partial<Parameters<typeof aws>[0]> = {},
    env: NodeJS.ProcessEnv = {},
    terraform = 'staging.json',
  ): object =>
    resolveEnvironment(
      { ...loaded({ environments: { local: local(), a: aws({ terraform, ...options }) } }), root },
      'a',
      { env },
    ).settings;

  it('has its facts, and nothing that tells where they are from', () => {
    expect(resolved()).toEqual({ kind: 'aws', ...facts });
  });

  it('is overridden by what stands beside the file, and that by variables', () => {
    const beside = { profile: 'me', jumpHost: 'i-0a1b2c3d4e5f60718', tunnel: { sessions: { max: 4 } } };
    expect(resolved(beside)).toEqual({ kind: 'aws', ...facts, ...beside });
    const env = { POSTERN_JUMP_HOST: 'i-0a1b2c3d4e5f60719', POSTERN_TEST_DATABASES: 'mine' };
    expect(resolved(beside, env)).toMatchObject({
      jumpHost: 'i-0a1b2c3d4e5f60719',
      testDatabases: 'mine',
      endpoint: facts.endpoint,
    });
  });

  it.each([
    ['a cluster', { cluster: 'other' }, {}, { cluster: 'other' }],
    ['an endpoint', { endpoint: { host: 'h', port: 1 } }, {}, { endpoint: { host: 'h', port: 1 } }],
    ['POSTERN_CLUSTER', {}, { POSTERN_CLUSTER: 'other' }, { cluster: 'other' }],
    [
      'POSTERN_CLUSTER and an endpoint',
      { endpoint: { host: 'h', port: 1 } },
      { POSTERN_CLUSTER: 'o' },
      { cluster: 'o' },
    ],
  ])(
    'takes nothing of its database when %s names another one: its document would lead there',
    (_, beside, env, named) => {
      const { region, jumpHost, testDatabases } = facts;
      expect(resolved(beside, env)).toEqual({ kind: 'aws', region, jumpHost, testDatabases, ...named });
    },
  );

  it('hinders no other environment when its file is missing', () => {
    const config = {
      ...loaded({ environments: { local: local(), a: aws({ terraform: 'none.json' }) } }),
      root,
    };
    expect(resolveEnvironment(config, 'local', { env: {} }).settings).toEqual(local());
    expect(() => resolveEnvironment(config, 'a', { env: {} })).toThrow(
      expect.objectContaining({
        code: 'CONNECT_CONFIG_INVALID',
        message: expect.stringContaining('none.json'),
      }),
    );
  });

  it('is incomplete when neither the file nor the configuration says enough, all at once', () => {
    expect(() => resolved({ document: { name: 'own' } }, { POSTERN_PROFILE: 'me' }, 'half.json')).toThrow(
      expect.objectContaining({
        code: 'CONNECT_CONFIG_INVALID',
        message: expect.stringMatching(/half\.json POSTERN_PROFILE has/),
        problems: ['environments.a.region: is missing'],
      }),
    );
  });
});
