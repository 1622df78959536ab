import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Manifest, type ManifestDatabase, parseManifest } from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import { bundleHandler } from './bundle-handler.ts';
import { type CaOption, readCaRoots } from './ca-roots.ts';
import { collect } from './collect.ts';
import { createManifest, sha256 } from './manifest.ts';
import { thirdPartyNotices } from './notices.ts';
import { collectMaps } from './source-maps.ts';
import { packZip, readFromZip } from './zip.ts';

export interface ArtefactOptions {
  /** The workspace. */
  readonly root: string;
  /** Folders of services (or their `database` folders), relative to `root`. Default: the root's own and
   * those in `apps` and `packages`. */
  readonly databases?: readonly string[];
  /** Where the zip goes, relative to `root`. Default `.cache/postern/artefact/bootstrap.zip`. */
  readonly outFile?: string;
  /** CA roots to pack, for functions that get none by configuration. Default: none. */
  readonly ca?: CaOption;
  /**
   * Told every path that the build depends on, absolute: files that went in (also imported ones), folders that were
   * listed, and places where a declaration would have been found. As long as none of them changes, another build gives
   * the same artefact.
   */
  readonly onInput?: (path: string) => void;
}

export interface Artefact {
  /** Absolute path of the zip. */
  readonly file: string;
  readonly zip: Buffer;
  /** Of the zip, hexadecimal. (Lambda's CodeSha256 is the same in base64.) */
  readonly sha256: string;
  /** Size of the zip. */
  readonly bytes: number;
  readonly manifest: Manifest;
  /** Absolute path of the source maps, `<zip without .zip>.maps.json`: see `readStack()`. */
  readonly maps: string;
}

/** What the declarations of a workspace say, with their compiled migrations. */
export interface Collected {
  readonly databases: readonly ManifestDatabase[];
  /** Path in the artefact → contents. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/**
 * Packs handler, declarations and compiled migrations into a zip for Lambda: handler string `index.handler`,
 * runtime nodejs22.x or newer. Same input, same bytes. Source maps lie beside it. Files appear by a rename, so concurrent builds
 * are harmless.
 *
 * @throws BootstrapError `BOOTSTRAP_DECLARATION_INVALID` with all problems of all declarations,
 * `BOOTSTRAP_BUILD_FAILED` when something cannot be found or compiled, or no CA root is for the region
 */
export async function buildArtifact(options: ArtefactOptions): Promise<Artefact> {
  const root = resolve(options.root);
  const { databases, onInput } = options;
  const [collected, handler, ca] = await Promise.all([
    collect(root, databases, onInput),
    bundleHandler(onInput),
    options.ca && readCaRoots(root, options.ca, onInput),
  ]);
  const manifest = createManifest(collected.databases, handler.files);
  const compiled = Object.values(collected.compiled);
  const notices = await thirdPartyNotices([handler, ...compiled].flatMap(({ inputs }) => inputs));
  const zip = packZip({
    ...handler.files,
    'manifest.json': Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`),
    'THIRD-PARTY-NOTICES': Buffer.from(notices),
    ...(ca === undefined ? {} : { 'ca.pem': Buffer.from(ca) }),
    ...collected.files,
  });
  const file = resolve(root, options.outFile ?? join('.cache', 'postern', 'artefact', 'bootstrap.zip'));
  const maps = `${file.replace(/\.zip$/, '')}.maps.json`;
  await writeAtomically(maps, JSON.stringify(collectMaps(root, handler, collected.compiled)));
  await writeAtomically(file, zip);
  return { file, zip, sha256: sha256(zip), bytes: zip.length, manifest, maps };
}

/** The declared databases and their hashes without building the handler: what a client needs to know. */
export async function collectDatabases(
  options: Pick<ArtefactOptions, 'root' | 'databases' | 'onInput'>,
): Promise<Collected> {
  const { databases, files } = await collect(resolve(options.root), options.databases, options.onInput);
  return { databases, files };
}

/** The manifest of a built artefact, from its file or its bytes. */
export async function readManifest(zip: string | Uint8Array): Promise<Manifest> {
  const bytes = typeof zip === 'string' ? await readFile(zip) : zip;
  const manifest = parseManifest(readFromZip(bytes, 'manifest.json') ?? '');
  if (manifest) return manifest;
  throw new BootstrapError('BOOTSTRAP_ARTEFACT_INVALID', 'the zip has no manifest of this version', {
    hint: 'Build it with buildArtifact() of the same version.',
  });
}

async function writeAtomically(file: string, contents: Uint8Array | string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, contents);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
