import { join } from 'node:path';
import type { Environment } from '../environment/environment.ts';
import { type BuiltArtifact, declaredDatabase } from './artifacts.ts';
import { openSession } from './session.ts';

/** Migrations that no deployed artefact knows, to be run in a database that belongs to the run. */
export interface OwnMigrations {
  readonly run: string;
  /** The artefact of the working tree. */
  readonly artifact: BuiltArtifact;
  /** The declared database. */
  readonly database: string;
  /** The empty database, and who may fill it: what `prepare` answered. */
  readonly target: { readonly database: string; readonly login: string };
}

/**
 * Runs them from this process and gives their names. The session has ended on return, so that the database can be
 * published or dropped. When `signal` fires it ends at once, whatever it is doing.
 */
export async function runOwnMigrations(
  environment: Environment,
  { run, artifact, database, target }: OwnMigrations,
  options: { folder: string; signal: AbortSignal },
): Promise<readonly string[]> {
  const { signal } = options;
  const [{ migrateTestDatabase }, session] = await Promise.all([
    import('@postern/bootstrap/migrate'),
    openSession(environment, {
      user: target.login,
      database: target.database,
      applicationName: `postern migrations ${run}`,
    }),
  ]);
  // A connection that breaks shows in the next query; without a listener it ends the process.
  session.on('error', () => undefined);
  const end = async (): Promise<void> => await session.end().catch(() => undefined);
  signal.addEventListener('abort', end);
  try {
    signal.throwIfAborted();
    return await migrateTestDatabase(session, {
      zip: artifact.zip,
      database: declaredDatabase(artifact.manifest, database),
      folder: join(options.folder, 'migrations', run),
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    await end();
  }
}
