import type { Manifest, ManifestDatabase } from '@postern/bootstrap/contract';
import type { Artifact } from '../environment/environment.ts';
import { ConnectError } from '../errors.ts';

export interface BuiltArtifact extends Artifact {
  readonly bytes: number;
  readonly manifest: Manifest;
}

/**
 * Builds the artefact of a workspace: handler, declarations, compiled migrations, manifest. Tells the path of everything
 * it depends on, also of what is not there.
 */
export type BuildArtifact = (root: string, onInput: (path: string) => void) => Promise<BuiltArtifact>;

/** `CONNECT_DATABASE_UNKNOWN` unless the artefact declares it. */
export function declaredDatabase(manifest: Manifest, name: string): ManifestDatabase {
  const found = manifest.databases.find((database) => database.name === name);
  if (found !== undefined) return found;
  const known = manifest.databases.map((database) => database.name).join(', ');
  throw new ConnectError({
    code: 'CONNECT_DATABASE_UNKNOWN',
    kind: 'invalid',
    message: `No database "${name}" is declared in this workspace. Declared: ${known || 'none'}.`,
    hint: 'A database is declared in <service>/database/database.ts with defineDatabase({ name, … }).',
  });
}
