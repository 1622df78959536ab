import { defineConfig, mergeConfig } from 'vitest/config';
import { sharedProcess } from '../../vitest.base.ts';

export default mergeConfig(sharedProcess, defineConfig({}));
