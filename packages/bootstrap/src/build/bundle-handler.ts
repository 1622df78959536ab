import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type OutputFile, type Plugin } from 'esbuild';
import { compilationFailed, inputsOf, type OnInput, tell } from './compile.ts';
import { conditions, fromSource } from './from-source.ts';

/** The handler's part of the artefact. */
export interface HandlerBundle {
  /** Path in the artefact → contents. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Path in the artefact → source map. */
  readonly maps: Readonly<Record<string, string>>;
  /** Absolute paths of what went into it. */
  readonly inputs: readonly string[];
}

/**
 * Bundles the handler: `index.mjs`, and what it loads only when there are migrations to run (most invocations
 * have none). node-pg-migrate drags in jiti and glob, two thirds of its size, for what we do otherwise: our
 * loader imports compiled migrations natively, and folders are listed without patterns. The signer's package knows
 * event streams, which one request for a secret does not need.
 */
export async function bundleHandler(onInput?: OnInput): Promise<HandlerBundle> {
  const entry = fileURLToPath(new URL(fromSource ? '../handler.ts' : '../handler.js', import.meta.url));
  // Not the process's: what esbuild makes of paths must not depend on where it is started.
  const absWorkingDir = fileURLToPath(new URL('..', import.meta.url));
  try {
    const result = await build({
      entryPoints: { index: entry },
      absWorkingDir,
      outdir: absWorkingDir,
      outExtension: { '.js': '.mjs' },
      chunkNames: 'lib/[hash]',
      splitting: true,
      bundle: true,
      write: false,
      metafile: true,
      sourcemap: 'external',
      sourcesContent: false,
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
    tell(onInput, absWorkingDir, result.metafile);
    return { ...named(result.outputFiles), inputs: inputsOf(absWorkingDir, result.metafile) };
  } catch (error) {
    throw compilationFailed(error, absWorkingDir, entry);
  }
}

/**
 * Names the chunks by what is in them. esbuild's own hashes cover paths of the machine too. The names keep their length,
 * so that the columns in the source maps stay right.
 */
function named(outputs: readonly OutputFile[]): Pick<HandlerBundle, 'files' | 'maps'> {
  const chunks = outputs.filter(({ path }) => /^[A-Z0-9]{8}\.mjs$/.test(basename(path)));
  const hashes = chunks.map(({ path }) => basename(path, '.mjs'));
  const pattern = new RegExp(hashes.join('|') || '$^', 'g');
  const names = new Map(
    chunks.map(({ text }, index) => {
      const masked = text.replaceAll(pattern, '????????');
      const hash = createHash('sha256').update(masked).digest('hex').slice(0, 8).toUpperCase();
      return [hashes[index] as string, hash];
    }),
  );
  const files: Record<string, Uint8Array> = {};
  const maps: Record<string, string> = {};
  for (const { path, text } of outputs) {
    const [, hash, map] = /^([A-Z0-9]{8})?.*?\.mjs(\.map)?$/.exec(basename(path)) ?? [];
    const name = hash !== undefined && names.has(hash) ? `lib/${names.get(hash)}.mjs` : 'index.mjs';
    if (map) maps[name] = text;
    else files[name] = Buffer.from(text.replaceAll(pattern, (found) => names.get(found) as string));
  }
  return { files, maps };
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
