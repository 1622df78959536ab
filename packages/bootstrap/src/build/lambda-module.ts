import type { BuildOptions } from 'esbuild';

/** How everything in the artefact comes out of esbuild: ES modules for Node 22, maps beside them, the same bytes everywhere. */
export const lambdaModule: BuildOptions & { write: false } = {
  bundle: true,
  write: false,
  sourcemap: 'external',
  sourcesContent: false,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'silent',
};
