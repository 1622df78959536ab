import { basename } from 'node:path';
import { type BuildResult, build, type Plugin } from 'esbuild';

/** A file of a bundle that was split, by the name that others import it by. */
interface Chunk {
  readonly code: string;
  readonly map: string;
  readonly exports: readonly string[];
  /** Names of chunks that are loaded together with it, in order. */
  readonly imports: readonly string[];
  /** Those and what it may load later. */
  readonly uses: readonly string[];
}

/** The placeholder for the name of the merged chunk; as long as esbuild's names. */
const core = '00000000.mjs';

/**
 * esbuild makes a chunk for each set of modules that have the same importers. What `index.mjs` loads at once becomes one
 * file here: each file more costs as much at start as 30 kB of code. Besides that there are only files that are loaded when they
 * are needed, as esbuild made them.
 */
export async function mergeChunks(
  split: BuildResult<{ metafile: true; write: false }>,
  outdir: string,
  banner: string,
): Promise<BuildResult<{ metafile: true; write: false }>['outputFiles']> {
  const chunks = chunksOf(split);
  const merged = staticClosure(chunks);
  const wanted = new Set(['index.mjs', ...[...chunks.values()].flatMap(({ uses }) => uses)]);
  const entries = [...wanted].filter((name) => !merged.includes(name));
  const result = await build({
    entryPoints: [
      { in: core, out: `lib/${basename(core, '.mjs')}` },
      ...entries.map((name) => ({
        in: name,
        out: name === 'index.mjs' ? 'index' : `lib/${basename(name, '.mjs')}`,
      })),
    ],
    outdir,
    outExtension: { '.js': '.mjs' },
    absWorkingDir: outdir,
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
    banner: { js: banner },
    tsconfigRaw: {},
    logLevel: 'silent',
    plugins: [regroup(chunks, merged)],
  });
  return result.outputFiles;
}

function chunksOf({
  outputFiles,
  metafile,
}: BuildResult<{ metafile: true; write: false }>): Map<string, Chunk> {
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const chunks = new Map<string, Chunk>();
  for (const [path, { exports, imports }] of Object.entries(metafile.outputs)) {
    const name = basename(path);
    if (!name.endsWith('.mjs')) continue;
    const ours = imports.filter(({ external }) => !external);
    chunks.set(name, {
      code: texts.get(name) ?? '',
      map: texts.get(`${name}.map`) ?? '',
      exports,
      imports: ours.filter(({ kind }) => kind === 'import-statement').map((one) => basename(one.path)),
      uses: ours.map((one) => basename(one.path)),
    });
  }
  return chunks;
}

/** What comes along with `index.mjs`, in the order of evaluation: the same wherever it was built. */
function staticClosure(chunks: ReadonlyMap<string, Chunk>): string[] {
  const found: string[] = [];
  const visit = (name: string): void => {
    for (const imported of chunks.get(name)?.imports ?? []) {
      if (found.includes(imported)) continue;
      visit(imported);
      if (!found.includes(imported)) found.push(imported);
    }
  };
  visit('index.mjs');
  return found;
}

function regroup(chunks: ReadonlyMap<string, Chunk>, merged: readonly string[]): Plugin {
  const alias = (name: string, exported: string): string => `c${merged.indexOf(name)}_${exported}`;
  const namesOf = (name: string): readonly string[] => chunks.get(name)?.exports ?? [];
  return {
    name: 'postern-merge-chunks',
    setup(plugin) {
      plugin.onResolve({ filter: /^(?:\.\/lib\/|\.\/)?(?:[A-Z0-9]{8}|index)\.mjs$/ }, (found) => {
        const name = basename(found.path);
        if (found.kind === 'entry-point') return { path: name, namespace: 'chunk' };
        if (found.kind === 'dynamic-import' || found.namespace === 'facade' || !merged.includes(name))
          return { path: found.path, external: true };
        const within = found.importer === core || merged.includes(found.importer);
        if (within) return { path: name, namespace: 'chunk' };
        return { path: `${found.importer === 'index.mjs' ? './lib/' : './'}${name}`, namespace: 'facade' };
      });
      plugin.onLoad({ filter: /.*/, namespace: 'facade' }, ({ path }) => {
        const name = basename(path);
        const names = namesOf(name).map((exported) => `${alias(name, exported)} as ${exported}`);
        return { contents: `export {${names}} from ${JSON.stringify(path.replace(name, core))};` };
      });
      plugin.onLoad({ filter: /.*/, namespace: 'chunk' }, ({ path }) => {
        if (path === core) {
          const lines = merged.map((name) => {
            const names = namesOf(name).map((exported) => `${exported} as ${alias(name, exported)}`);
            return `export {${names}} from './${name}';`;
          });
          return { contents: lines.join('\n') };
        }
        const { code, map } = chunks.get(path) as Chunk;
        const url = `data:application/json;base64,${Buffer.from(map).toString('base64')}`;
        return { contents: `${code}\n//# sourceMappingURL=${url}` };
      });
    },
  };
}
