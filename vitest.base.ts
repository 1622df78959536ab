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
    environment: 'node',
    pool: 'forks',
    execArgv: ['--conditions=@postern/source'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
} satisfies ViteUserConfig;
