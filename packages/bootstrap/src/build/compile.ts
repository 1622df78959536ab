import { resolve } from 'node:path';
import { type BuildFailure, build, type Metafile, type Plugin } from 'esbuild';
import { BootstrapError } from '../errors.ts';
import { shown } from './find-declarations.ts';
import { conditions } from './from-source.ts';
import { lambdaModule } from './lambda-module.ts';

/** Is told every path that was looked at, absolute, also of files and folders that are not there. */
export type OnInput = (path: string) => void;

/** One ES module with all that it imports. */
export interface Compiled {
  readonly code: Uint8Array;
  /** The source map: positions only, the sources stay where they are. */
  readonly map: string;
  /** Absolute paths of what went into it. */
  readonly inputs: readonly string[];
  /** Names that it exports; of CommonJS only `default` is known. */
  readonly exports: readonly string[];
}

/**
 * Compiles one TypeScript or JavaScript file with everything it imports into one ES module for Node 22.
 * White space is removed because esbuild writes paths into comments.
 */
export async function compile(options: {
  readonly file: string;
  readonly root: string;
  /** What the module is. `node-pg-migrate` is a few lines in migrations; drivers that are not installed stay out of migrators. */
  readonly as?: 'migration' | 'declaration' | 'migrator';
  readonly onInput?: OnInput | undefined;
}): Promise<Compiled> {
  const { file, root, as = 'migration', onInput } = options;
  try {
    const result = await build({
      ...lambdaModule,
      entryPoints: [file],
      absWorkingDir: root,
      // Nothing is written; sources in the map are relative to it.
      outfile: resolve(root, 'compiled.mjs'),
      metafile: true,
      minifyWhitespace: true,
      conditions,
      plugins: plugins[as],
    });
    const inputs = inputsOf(root, result.metafile);
    tell(onInput, root, result.metafile);
    const text = (path: string): string =>
      result.outputFiles.find((output) => output.path.endsWith(path))?.text ?? '';
    const exports = Object.values(result.metafile.outputs).flatMap((output) => output.exports);
    return { ...withRequire(text('.mjs'), text('.map'), as), inputs, exports };
  } catch (error) {
    throw compilationFailed(error, root, file);
  }
}

/** Absolute paths of the files that are in the output. */
export function inputsOf(workingDir: string, { outputs }: Metafile): string[] {
  const inputs = Object.values(outputs).flatMap((output) =>
    Object.entries(output.inputs).filter(([path, { bytesInOutput }]) => bytesInOutput > 0 && !stubbed(path)),
  );
  return [...new Set(inputs.map(([path]) => resolve(workingDir, path)))].sort();
}

/** Bundles read more than one names: a declaration or migration may import from anywhere. */
export function tell(onInput: OnInput | undefined, workingDir: string, { inputs }: Metafile): void {
  if (onInput === undefined) return;
  for (const path of Object.keys(inputs)) if (!stubbed(path)) onInput(resolve(workingDir, path));
}

/** Modules of our plugins are no files. */
function stubbed(path: string): boolean {
  return path.startsWith('postern-');
}

/**
 * CommonJS that was bundled may require node's own modules, which an ES module cannot by itself. A declaration is imported
 * from a data: URL, which `createRequire` refuses.
 */
function withRequire(
  code: string,
  map: string,
  as: 'migration' | 'declaration' | 'migrator',
): Pick<Compiled, 'code' | 'map'> {
  if (!code.includes('Dynamic require of "')) return { code: Buffer.from(code), map };
  const from = as === 'declaration' ? `'/'` : 'import.meta.url';
  const line = `import{createRequire as __cr}from'node:module';const require=__cr(${from});\n`;
  const shifted = map.replace(/"mappings": "/, '"mappings": ";');
  return { code: Buffer.from(line + code), map: shifted };
}

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

/** Query builders name the drivers of every database. Those that are not installed are not used. */
const absentDrivers: Plugin = {
  name: 'postern-absent-drivers',
  setup(plugin) {
    plugin.onResolve({ filter: /^[^./]/ }, async ({ path, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === absentDrivers || !/[\\/]node_modules[\\/]/.test(importer)) return undefined;
      const found = await plugin.resolve(path, { kind, importer, resolveDir, pluginData: absentDrivers });
      return found.errors.length > 0 ? { path, external: true } : undefined;
    });
  },
};

const plugins = { migration: [migrationBuilderStub], declaration: [], migrator: [absentDrivers] };

export function compilationFailed(error: unknown, root: string, file: string): BootstrapError {
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
