import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type OutputFile, type Plugin } from 'esbuild';
import { compilationFailed, inputsOf, type OnInput, tell } from './compile.ts';
import { conditions, fromSource } from './from-source.ts';
import { lambdaModule } from './lambda-module.ts';
import { mergeChunks } from './merge-chunks.ts';

/** pg is CommonJS and requires node's modules, which an ES module cannot without this. */
const banner = `import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);`;

/** The handler's part of the artefact. */
export interface HandlerBundle {
  /** Path in the artefact → contents. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Path in the artefact → source map. */
  readonly maps: Readonly<Record<string, string>>;
  /** Absolute paths of what went into it. */
  readonly inputs: readonly string[];
  /** What paths in the maps are relative to. */
  readonly folder: string;
}

/**
 * Bundles the handler: `index.mjs`, and what it loads only when it is needed (most invocations have no migrations to run).
 * The signer's package knows event streams, which one request for a secret does not need.
 */
export async function bundleHandler(onInput?: OnInput): Promise<HandlerBundle> {
  const entry = fileURLToPath(new URL(fromSource ? '../handler.ts' : '../handler.js', import.meta.url));
  // Not the process's: what esbuild makes of paths must not depend on where it is started.
  const absWorkingDir = fileURLToPath(new URL('..', import.meta.url));
  try {
    const result = await build({
      ...lambdaModule,
      entryPoints: { index: entry },
      absWorkingDir,
      outdir: absWorkingDir,
      outExtension: { '.js': '.mjs' },
      chunkNames: 'lib/[hash]',
      splitting: true,
      metafile: true,
      minify: true,
      mainFields: ['module', 'main'],
      conditions,
      external: ['pg-native'],
      tsconfigRaw: {},
      plugins: [lean],
    });
    tell(onInput, absWorkingDir, result.metafile);
    return {
      ...named(await mergeChunks(result, absWorkingDir, banner)),
      inputs: inputsOf(absWorkingDir, result.metafile),
      folder: absWorkingDir,
    };
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

/** What pg loads for ways to a connection that the function does not take (channel binding among them): a third of its size. */
const stubs: Readonly<Record<string, string>> = {
  './cert-signatures': 'module.exports = {};',
  './native': 'module.exports = {};',
  'pg-pool': 'module.exports = class {};',
  'pg-cloudflare': 'module.exports = {};',
  'pg-connection-string': `exports.parse = () => { throw new Error('connection strings are not part of the artefact'); };`,
  pgpass: 'module.exports = (_connection, done) => done();',
};

const lean: Plugin = {
  name: 'postern-lean',
  setup(plugin) {
    const namespace = 'postern-stub';
    plugin.onResolve({ filter: /^@smithy\/core\/event-streams$/ }, ({ path }) => ({ path, namespace }));
    plugin.onResolve(
      { filter: /^(?:\.\/(?:native|cert-signatures)|pg-(?:pool|cloudflare|connection-string)|pgpass)$/ },
      ({ path, importer }) =>
        /[\\/]node_modules[\\/]pg[\\/]lib[\\/]/.test(importer) ? { path, namespace } : undefined,
    );
    plugin.onLoad({ filter: /.*/, namespace }, ({ path }) => ({ contents: stubs[path] ?? 'export {};' }));
  },
};
