import { postern } from '@postern/vitest/plugin';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [postern()],
  test: { include: ['test/**/*.test.ts'] },
});
