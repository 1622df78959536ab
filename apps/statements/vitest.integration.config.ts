import { defineConfig, mergeConfig } from 'vitest/config';
import { integration } from '../../vitest.base.ts';

export default mergeConfig(integration, defineConfig({}));
