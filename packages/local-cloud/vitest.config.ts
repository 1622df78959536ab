import { defineConfig, mergeConfig } from 'vitest/config';
import { base } from '../../vitest.base.ts';

export default mergeConfig(
  base,
  // One second is short for a process to start or end on a busy machine.
  defineConfig({ test: { expect: { poll: { timeout: 15_000 } } } }),
);
