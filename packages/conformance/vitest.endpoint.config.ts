import { defineConfig } from 'vitest/config';
import { base } from '../../vitest.base.ts';

/** The suite against an endpoint: not among the tests of this package, because it needs one. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['src/endpoint-suite.ts'], testTimeout: 120_000 },
});
