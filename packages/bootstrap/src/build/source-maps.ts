import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { HandlerBundle } from './bundle-handler.ts';
import type { Compiled } from './compile.ts';

/** Path in the artefact → its source map (version 3, without the sources themselves). */
export type SourceMaps = Readonly<Record<string, SourceMapPayload>>;

/** The maps of everything that was compiled, with paths that are the same on every machine. */
export function collectMaps(
  root: string,
  handler: HandlerBundle,
  compiled: Readonly<Record<string, Compiled>>,
): SourceMaps {
  const maps: [string, SourceMapPayload][] = [
    ...Object.entries(handler.maps).map(([path, map]): [string, SourceMapPayload] => [
      path,
      portable(map, join(handler.folder, dirname(path))),
    ]),
    ...Object.entries(compiled).map(([path, { map }]): [string, SourceMapPayload] => [
      path,
      portable(map, root, root),
    ]),
  ];
  return Object.fromEntries(maps.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function portable(map: string, folder: string, root?: string): SourceMapPayload {
  const payload = JSON.parse(map) as SourceMapPayload;
  return { ...payload, sources: payload.sources.map((source) => sourceName(source, folder, root)) };
}

function sourceName(source: string, folder: string, root: string | undefined): string {
  // What holds the merged chunks together has no source.
  if (/^(?:chunk|facade|postern-[\w-]+):/.test(source)) return 'bundle';
  const path = resolve(folder, source);
  const parts = path.split(sep);
  const installed = parts.lastIndexOf('node_modules');
  if (installed >= 0) return parts.slice(installed).join('/');
  const local = root === undefined ? undefined : within(root, path);
  return local ?? inPackage(path) ?? basename(path);
}

function within(folder: string, path: string): string | undefined {
  const name = relative(folder, path);
  return name.startsWith('..') || isAbsolute(name) ? undefined : name.split(sep).join('/');
}

/** `@postern/bootstrap/src/…`: by the name of the package that it belongs to. */
function inPackage(path: string): string | undefined {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (!existsSync(file)) continue;
    const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string };
    return name === undefined ? undefined : `${name}/${within(folder, path)}`;
  }
  return undefined;
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
    /(?:file:\/\/)?(?:\/[^\s():]*?\/)?((?:migrations\/\w+\/|lib\/)?[\w.-]+\.mjs):(\d+):(\d+)/g,
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
