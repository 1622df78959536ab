import { basename } from 'node:path';
import { type BuildResult, build, type Plugin } from 'esbuild';
import { lambdaModule } from './lambda-module.ts';

type Split = BuildResult<{ metafile: true; write: false }>;

/** A file of a bundle that was split, by the name that others import it by. */
interface Chunk {
  readonly code: string;
  readonly map: string;
  readonly exports: readonly string[];
  /** Names of chunks that are loaded together with it, in order. */
  readonly imports: readonly string[];
  /** Names of chunks that it may load later. */
  readonly later: readonly string[];
}

/** Chunks that become one file, in order of evaluation. */
interface Group {
  /** A placeholder, as long as esbuild's names. */
  readonly name: string;
  readonly chunks: readonly string[];
}

/**
 * esbuild makes a chunk for each set of modules that have the same importers. What `index.mjs` loads at once becomes one
 * file here, and what those share that are loaded later another: each file more costs as much at start as 30 kB of code.
 */
export async function mergeChunks(
  split: Split,
  outdir: string,
  banner: string,
): Promise<Split['outputFiles']> {
  const chunks = chunksOf(split);
  const later = new Set([...chunks.values()].flatMap((chunk) => chunk.later));
  const atOnce = closure(chunks, ['index.mjs']).slice(0, -1);
  const shared = closure(chunks, [...later]).filter((name) => !atOnce.includes(name) && !later.has(name));
  const groups = [
    { name: '00000000.mjs', chunks: atOnce },
    { name: '00000001.mjs', chunks: shared },
  ].filter((group) => group.chunks.length > 0);
  const result = await build({
    ...lambdaModule,
    entryPoints: ['index.mjs', ...groups.map(({ name }) => name), ...later].map((name) => ({
      in: name,
      out: name === 'index.mjs' ? 'index' : `lib/${basename(name, '.mjs')}`,
    })),
    outdir,
    outExtension: { '.js': '.mjs' },
    absWorkingDir: outdir,
    minify: true,
    banner: { js: banner },
    tsconfigRaw: {},
    plugins: [regroup(chunks, groups)],
  });
  return result.outputFiles;
}

function chunksOf({ outputFiles, metafile }: Split): Map<string, Chunk> {
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const chunks = new Map<string, Chunk>();
  for (const [path, { exports, imports }] of Object.entries(metafile.outputs)) {
    const name = basename(path);
    if (!name.endsWith('.mjs')) continue;
    const ours = imports.filter(({ external }) => !external);
    const namesOf = (kind: string): string[] =>
      ours.filter((one) => one.kind === kind).map((one) => basename(one.path));
    chunks.set(name, {
      code: texts.get(name) ?? '',
      map: texts.get(`${name}.map`) ?? '',
      exports,
      imports: namesOf('import-statement'),
      later: namesOf('dynamic-import'),
    });
  }
  return chunks;
}

/** These and all that comes along with them, in the order of evaluation: the same wherever it was built. */
function closure(chunks: ReadonlyMap<string, Chunk>, names: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    for (const imported of chunks.get(name)?.imports ?? []) visit(imported);
    found.add(name);
  };
  names.forEach(visit);
  return [...found];
}

function regroup(chunks: ReadonlyMap<string, Chunk>, groups: readonly Group[]): Plugin {
  const groupOf = (name: string): Group | undefined =>
    groups.find((group) => group.name === name || group.chunks.includes(name));
  /** Each export under a name that is its own within the group. */
  const pairs = (group: Group, name: string, order: (exported: string, alias: string) => string): string =>
    (chunks.get(name)?.exports ?? [])
      .map((exported) => order(exported, `c${group.chunks.indexOf(name)}_${exported}`))
      .join();
  return {
    name: 'postern-merge-chunks',
    setup(plugin) {
      plugin.onResolve({ filter: /^(?:\.\/lib\/|\.\/)?(?:[A-Z0-9]{8}|index)\.mjs$/ }, (found) => {
        const { path, importer, kind, namespace } = found;
        const name = basename(path);
        if (kind === 'entry-point') return { path: name, namespace: 'chunk' };
        const group = groupOf(name);
        if (kind === 'dynamic-import' || namespace === 'facade' || !group) return { path, external: true };
        if (group === groupOf(importer)) return { path: name, namespace: 'chunk' };
        return { path: `${importer === 'index.mjs' ? './lib/' : './'}${name}`, namespace: 'facade' };
      });
      plugin.onLoad({ filter: /.*/, namespace: 'facade' }, ({ path }) => {
        const name = basename(path);
        const group = groupOf(name) as Group;
        const names = pairs(group, name, (exported, alias) => `${alias} as ${exported}`);
        return { contents: `export {${names}} from ${JSON.stringify(path.replace(name, group.name))};` };
      });
      plugin.onLoad({ filter: /.*/, namespace: 'chunk' }, ({ path }) => {
        const group = groups.find(({ name }) => name === path);
        if (group) {
          const lines = group.chunks.map(
            (name) =>
              `export {${pairs(group, name, (exported, alias) => `${exported} as ${alias}`)}} from './${name}';`,
          );
          return { contents: lines.join('\n') };
        }
        const { code, map } = chunks.get(path) as Chunk;
        const url = `data:application/json;base64,${Buffer.from(map).toString('base64')}`;
        return { contents: `${code}\n//# sourceMappingURL=${url}` };
      });
    },
  };
}
