import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';

/**
 * What every project's vitest configuration starts from. Workspace packages resolve to their TypeScript
 * sources (only `ssr.resolve.conditions` counts for tests), and processes that tests spawn inherit the
 * same condition through `execArgv` of their own.
 */
export const base = {
  ssr: { resolve: { conditions: ['@postern/source', 'node', 'development|production'] } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/integration/**'],
    environment: 'node',
    pool: 'forks',
    execArgv: ['--conditions=@postern/source'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
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
