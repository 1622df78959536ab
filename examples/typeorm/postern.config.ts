import { defineConfig, local } from '@postern/connect';
export default defineConfig({ environments: { local: local() } });
