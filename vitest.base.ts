import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';

const resolve = { conditions: ['@postern/source', 'node', 'development|production'] };

/**
 * What every project's vitest configuration starts from. Workspace packages resolve to their TypeScript sources:
 * in tests by `ssr`, in global setups by the Vite environment that vitest keeps for itself, and in the processes of
 * the workers by `execArgv`. What tests spawn has to be given the condition by them.
 */
export const base = {
  ssr: { resolve },
  environments: { __vitest__: { resolve } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/integration/**'],
    environment: 'node',
    pool: 'forks',
    execArgv: ['--conditions=@postern/source'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // As with the tests themselves: a busy machine is slow, not wrong.
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 2,
  },
} satisfies ViteUserConfig;

/**
 * For projects whose test files leave nothing behind in their process: they share it, which saves half a second of CPU for
 * each file. Not where tests change environment variables or replace modules.
 */
export const sharedProcess = {
  ...base,
  test: { ...base.test, isolate: false },
} satisfies ViteUserConfig;

/**
 * For suites of services. A user writes `globalSetup: ['@postern/vitest/global-setup']`; vitest looks that name up
 * without regard to conditions and would want a build, so here the source is named by its path.
 */
export const integration = {
  ...base,
  test: {
    ...base.test,
    include: ['test/integration/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    globalSetup: [fileURLToPath(new URL('packages/vitest/src/global-setup.ts', import.meta.url))],
  },
} satisfies ViteUserConfig;
