import { defineConfig, mergeConfig } from 'vitest/config';
import { base } from '../../vitest.base.ts';

// Hosts are real processes with a server each: where several packages are tested at once they need their time.
export default mergeConfig(base, defineConfig({ test: { testTimeout: 60_000, hookTimeout: 120_000 } }));
