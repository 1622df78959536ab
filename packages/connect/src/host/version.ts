import { createRequire } from 'node:module';

/** Of this package: a client talks only to a host of the same version. */
export const VERSION: string = (createRequire(import.meta.url)('../../package.json') as { version: string })
  .version;
