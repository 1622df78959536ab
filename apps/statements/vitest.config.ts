import { defineConfig, mergeConfig } from 'vitest/config';
import { base } from '../../vitest.base.ts';

const { include: _, ...test } = base.test;

export default mergeConfig({ ...base, test }, defineConfig({ test: { include: ['src/**/*.test.ts'] } }));
