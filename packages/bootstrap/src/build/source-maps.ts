import { readFile } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { basename, isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HandlerBundle } from './bundle-handler.ts';
import type { Compiled } from './compile.ts';

/** Path in the artefact → its source map (version 3, without the sources themselves). */
export type SourceMaps = Readonly<Record<string, SourceMapPayload>>;

/** From a checkout of Postern: the folder of its packages. */
const packages = fileURLToPath(new URL('../../..', import.meta.url));

/** The maps of everything that was compiled, with paths that are the same on every machine. */
export function collectMaps(
  root: string,
  handler: HandlerBundle,
  compiled: Readonly<Record<string, Compiled>>,
): SourceMaps {
  const maps: [string, SourceMapPayload][] = [
    ...Object.entries(handler.maps).map(([path, map]): [string, SourceMapPayload] => [
      path,
      portable(map, handler.folder, root),
    ]),
    ...Object.entries(compiled).map(([path, { map }]): [string, SourceMapPayload] => [
      path,
      portable(map, root, root),
    ]),
  ];
  return Object.fromEntries(maps.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function portable(map: string, folder: string, root: string): SourceMapPayload {
  const payload = JSON.parse(map) as SourceMapPayload;
  return { ...payload, sources: payload.sources.map((source) => sourceName(resolve(folder, source), root)) };
}

function sourceName(path: string, root: string): string {
  const parts = path.split(sep);
  const installed = parts.lastIndexOf('node_modules');
  if (installed >= 0) return parts.slice(installed).join('/');
  const within = (from: string): string | undefined => {
    const name = relative(from, path);
    return name.startsWith('..') || isAbsolute(name) ? undefined : name.split(sep).join('/');
  };
  const ours = within(packages);
  return (ours === undefined ? undefined : `@postern/${ours}`) ?? within(root) ?? basename(path);
}

/**
 * A stack of the function, from its log, with the places in the sources: `index.mjs:3:1234` becomes
 * `@postern/bootstrap/src/plan/plan.ts:60:11`. `maps` is the file that `buildArtifact()` wrote beside the zip (`maps`); it must be
 * of the same build. What it does not know stays as it is.
 */
export async function readStack(stack: string, maps: string): Promise<string> {
  const known = JSON.parse(await readFile(maps, 'utf8')) as SourceMaps;
  const readers = new Map<string, SourceMap>();
  return stack.replaceAll(
    /(?:file:\/\/)?(?:\/[^\s():]*\/)?((?:migrations\/\w+\/|lib\/)?[\w.-]+\.mjs):(\d+):(\d+)/g,
    (place, path: string, line: string, column: string) => {
      if (!Object.hasOwn(known, path)) return place;
      const reader = readers.get(path) ?? new SourceMap(known[path] as SourceMapPayload);
      readers.set(path, reader);
      const found = reader.findEntry(Number(line) - 1, Number(column) - 1);
      return 'originalSource' in found
        ? `${found.originalSource}:${found.originalLine + 1}:${found.originalColumn + 1}`
        : place;
    },
  );
}
