import { defineConfig, mergeConfig } from 'vitest/config';
import { base } from '../../vitest.base.ts';

export default mergeConfig(
  base,
  defineConfig({
    test: {
      // A test in test/ starts a host, its cloud and one to four runs of vitest: seconds, and many more on a busy machine.
      testTimeout: 180_000,
    },
  }),
);
