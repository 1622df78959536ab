import { defineConfig, local } from '@postern/connect';

/** Where this repository's own suites run: offline, against the simulated cloud and a real PostgreSQL. */
export default defineConfig({
  environments: {
    local: local({ postgres: 17 }),
  },
});
