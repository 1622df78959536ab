import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Manifest,
  type ManifestDatabase,
  type ManifestFile,
  parseManifest,
} from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import type { Config } from './config.ts';

/** The unpacked zip: `index.mjs`, `manifest.json`, `migrations/<database>/…` and perhaps `ca.pem`. */
export interface Artefact {
  readonly manifest: Manifest;
  migrationsFolder(database: ManifestDatabase): string;
  /** The absolute path of a file of the manifest. */
  fileOf(packed: ManifestFile): string;
  /** The CA roots: from the configuration, else from the artefact. */
  readCa(config: Config): Promise<string>;
}

export async function openArtefact(folder: string): Promise<Artefact> {
  const manifest = parseManifest(await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => ''));
  if (!manifest) {
    throw new BootstrapError('BOOTSTRAP_ARTEFACT_INVALID', 'the artefact has no manifest of this version', {
      hint: 'Deploy the zip that buildArtifact() made, unchanged.',
    });
  }
  return {
    manifest,
    migrationsFolder: (database) => join(folder, 'migrations', database.name),
    fileOf: ({ path }) => join(folder, path),
    readCa: async ({ ca }) => {
      if (ca && 'pem' in ca) return ca.pem;
      const file = ca?.file ?? join(folder, 'ca.pem');
      try {
        return await readFile(file, 'utf8');
      } catch (cause) {
        throw new BootstrapError('BOOTSTRAP_CONFIG_INVALID', `the CA file ${file} cannot be read`, {
          hint: 'Set POSTERN_DB_CA (PEM) or POSTERN_DB_CA_FILE, or build the artefact with the ca option: Lambda trusts no RDS root by itself.',
          details: { problems: [`${file} cannot be read`] },
          cause,
        });
      }
    },
  };
}

/** The declared databases that a request names; all when it names none. */
export function selectDatabases(
  manifest: Manifest,
  names: readonly string[] | undefined,
): ManifestDatabase[] {
  if (names === undefined) return [...manifest.databases];
  const unknown = names.filter((name) => !manifest.databases.some((database) => database.name === name));
  if (unknown.length > 0) throw databaseUnknown(manifest, unknown);
  return manifest.databases.filter((database) => names.includes(database.name));
}

export function selectDatabase(manifest: Manifest, name: string): ManifestDatabase {
  const found = manifest.databases.find((database) => database.name === name);
  if (!found) throw databaseUnknown(manifest, [name]);
  return found;
}

function databaseUnknown(manifest: Manifest, unknown: readonly string[]): BootstrapError {
  const known = manifest.databases.map((database) => database.name);
  return new BootstrapError(
    'BOOTSTRAP_DATABASE_UNKNOWN',
    `not declared in this artefact: ${unknown.join(', ')}`,
    {
      hint: `Declared are: ${known.join(', ') || 'none'}. Deploy an artefact that declares it, or correct the name.`,
      details: { unknown, known },
    },
  );
}
