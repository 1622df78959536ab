import { existsSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import type { ViteUserConfig } from 'vitest/config';
import { postern } from './plugin.ts';
import { PosternReporter } from './reporter/reporter.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the hook makes of a configuration, as vite calls it: maybe more than once for one object. */
function configured(user: ViteUserConfig, ...options: Parameters<typeof postern>): ViteUserConfig {
  const plugin = postern(...options);
  for (let call = 0; call < 2; call += 1) (plugin.config as (user: ViteUserConfig) => void)(user);
  return user;
}

test("our setups come first, before those of the suite read the environment, and nothing of the suite's is lost", () => {
  const { test: after } = configured({
    test: {
      setupFiles: './mine.ts',
      globalSetup: ['./global.ts'],
      env: { LEVEL: 'debug' },
      sequence: { seed: 1 },
    },
  });
  const [setup, mine, ...more] = [after?.setupFiles ?? []].flat();
  expect([mine, ...more]).toEqual(['./mine.ts']);
  expect(existsSync(setup ?? '')).toBe(true);
  expect(after?.globalSetup).toEqual([expect.stringMatching(/global-setup\.ts$/), './global.ts']);
  expect(after?.env).toMatchObject({ LEVEL: 'debug', DATABASE_URL: expect.stringContaining('.invalid') });
  expect(after?.sequence).toEqual({ seed: 1, setupFiles: 'list' });
});

test('options reach the setups, as values that survive the way into a worker', () => {
  const { test: after } = configured(
    {},
    { scope: 'test', keep: 'never', databaseUrl: 'APP_DB', allowHosts: ['h'] },
  );
  const { posternPlugin } = after?.provide ?? {};
  expect(structuredClone(posternPlugin)).toMatchObject({
    options: { scope: 'test', keep: 'never' },
    databaseUrl: 'APP_DB',
    unset: expect.arrayContaining(['PGPASSWORD']),
  });
});

test('a variable that the suite itself leads to a real host leads nowhere, too', () => {
  vi.stubEnv('REPORTS', 'postgres://db.example.com/reports');
  const { test: after } = configured({ test: { env: { ARCHIVE: 'postgres://db.example.com/archive' } } });
  expect(JSON.stringify(after?.env)).not.toContain('example.com');
  expect(Object.keys(after?.env ?? {})).toEqual(expect.arrayContaining(['REPORTS', 'ARCHIVE']));
});

test('a configuration of projects is left to its projects', () => {
  expect(configured({ test: { projects: ['apps/*'] } })).toEqual({ test: { projects: ['apps/*'] } });
});

test('a mistake is shown where it is made', () => {
  expect(() => postern({ scope: 'suite' as never })).toThrow(
    expect.objectContaining({ code: 'VITEST_OPTIONS_INVALID' }),
  );
});

test('a mistake is shown with its next step, without frames of ours', () => {
  let stack = '';
  try {
    postern({ scop: 'test' } as never);
  } catch (error) {
    stack = String((error as Error).stack);
  }
  expect(stack).toMatch(/There is no option "scop"; there are scope, [\s\S]*Use one of them/);
  expect(stack).not.toMatch(/^ +at /m);
});

test('a misspelt option of the reporter is refused on both ways to it', () => {
  const jsn = { jsn: true } as never;
  expect(() => postern({ reporter: jsn })).toThrow(/there are terminal, html, json, summary\./);
  expect(() => new PosternReporter(jsn)).toThrow(expect.objectContaining({ code: 'VITEST_OPTIONS_INVALID' }));
});
