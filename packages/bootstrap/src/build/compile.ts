import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildFailure, build, type Metafile, type Plugin } from 'esbuild';
import { BootstrapError } from '../errors.ts';
import { shown } from './find-declarations.ts';

/** Is told every path that was looked at, absolute, also of files and folders that are not there. */
export type OnInput = (path: string) => void;

/** From a source checkout the packages of the workspace are compiled from their sources. */
const fromSource = fileURLToPath(import.meta.url).endsWith('.ts');

/** `module` is esbuild's default and goes as soon as one names others; without it the AWS parts do not shake. */
const conditions = ['module', ...(fromSource ? ['@postern/source'] : [])];

/**
 * Compiles one TypeScript or JavaScript file with everything it imports into one ES module for Node 22.
 * White space is removed because esbuild writes paths into comments.
 */
export async function compile(options: {
  readonly file: string;
  readonly root: string;
  readonly bundleEverything?: boolean;
  readonly onInput?: OnInput | undefined;
}): Promise<Uint8Array> {
  try {
    const result = await build({
      entryPoints: [options.file],
      absWorkingDir: options.root,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      target: 'node22',
      format: 'esm',
      minifyWhitespace: true,
      legalComments: 'none',
      charset: 'utf8',
      conditions,
      logLevel: 'silent',
      plugins: options.bundleEverything ? [] : [migrationBuilderStub],
    });
    tell(options.onInput, options.root, result.metafile);
    return (result.outputFiles[0] as { contents: Uint8Array }).contents;
  } catch (error) {
    throw compilationFailed(error, options.root, options.file);
  }
}

/**
 * Bundles the handler: `index.mjs`, and what it loads only when there are migrations to run (most invocations
 * have none). node-pg-migrate drags in jiti and glob, two thirds of its size, for what we do otherwise: our
 * loader imports compiled migrations natively, and folders are listed without patterns. The signer's package knows
 * event streams, which one request for a secret does not need.
 */
export async function bundleHandler(onInput?: OnInput): Promise<Record<string, Uint8Array>> {
  const entry = fileURLToPath(new URL(fromSource ? '../handler.ts' : '../handler.js', import.meta.url));
  try {
    const result = await build({
      entryPoints: { index: entry },
      outdir: '/',
      outExtension: { '.js': '.mjs' },
      chunkNames: 'lib/[hash]',
      splitting: true,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      target: 'node22',
      format: 'esm',
      minify: true,
      legalComments: 'none',
      charset: 'utf8',
      mainFields: ['module', 'main'],
      conditions,
      external: ['pg-native'],
      // pg is CommonJS and requires node's modules, which an ES module cannot without this.
      banner: {
        js: `import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);`,
      },
      tsconfigRaw: {},
      logLevel: 'silent',
      plugins: [lean],
    });
    tell(onInput, process.cwd(), result.metafile);
    return Object.fromEntries(
      result.outputFiles.map(({ path, contents }) => [relative('/', path), contents]),
    );
  } catch (error) {
    throw compilationFailed(error, fileURLToPath(new URL('.', import.meta.url)), entry);
  }
}

/** Bundles read more than one names: a declaration or migration may import from anywhere. */
function tell(onInput: OnInput | undefined, workingDir: string, { inputs }: Metafile): void {
  if (onInput !== undefined) for (const path of Object.keys(inputs)) onInput(resolve(workingDir, path));
}

const stubs: Readonly<Record<string, string>> = {
  jiti: 'export const createJiti = () => ({ import: (file) => import(file) });',
  pg: 'export default {};',
  glob: `export const glob = () => { throw new Error('glob is not part of the artefact'); };`,
};

const lean: Plugin = {
  name: 'postern-lean',
  setup(plugin) {
    plugin.onResolve({ filter: /^(jiti|glob|@smithy\/core\/event-streams)$/ }, ({ path }) => ({
      path,
      namespace: 'postern-stub',
    }));
    // It connects by itself only when it is given no client.
    plugin.onResolve({ filter: /^pg$/ }, ({ path, importer }) =>
      importer.includes('node-pg-migrate') ? { path, namespace: 'postern-stub' } : undefined,
    );
    plugin.onLoad({ filter: /.*/, namespace: 'postern-stub' }, ({ path }) => ({
      contents: stubs[path] ?? 'export {};',
    }));
  },
};

/**
 * Migrations that import values from node-pg-migrate get the few that make sense in a migration instead of
 * the whole tool. Literals are recognised by shape, not by class.
 */
const migrationBuilderStub: Plugin = {
  name: 'postern-migration-builder',
  setup(plugin) {
    plugin.onResolve({ filter: /^node-pg-migrate$/ }, ({ path }) => ({
      path,
      namespace: 'postern-migration',
    }));
    plugin.onLoad({ filter: /.*/, namespace: 'postern-migration' }, () => ({
      contents: `export class PgLiteral {
  static create(value) { return new PgLiteral(value); }
  literal = true;
  constructor(value) { this.value = value; }
  toString() { return this.value; }
}
export const isPgLiteral = (value) => typeof value === 'object' && value !== null && value.literal === true;`,
    }));
  },
};

function compilationFailed(error: unknown, root: string, file: string): BootstrapError {
  const failures = (error as Partial<BuildFailure>).errors ?? [];
  const problems = failures.map(({ text, location }) =>
    location ? `${location.file}:${location.line}:${location.column}: ${text}` : text,
  );
  const name = shown(root, file);
  return new BootstrapError(
    'BOOTSTRAP_BUILD_FAILED',
    `${name}: ${problems.join('\n') || (error as Error).message}`,
    {
      hint: 'esbuild could not compile the file.',
      details: { file: name, problems },
      cause: error,
    },
  );
}
