import { defineConfig, mergeConfig } from 'vitest/config';
import { base } from '../../vitest.base.ts';

// Every test here runs the whole main job, some of them twice.
export default mergeConfig(base, defineConfig({ test: { testTimeout: 180_000, hookTimeout: 60_000 } }));
