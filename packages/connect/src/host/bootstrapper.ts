import type { Manifest } from '@postern/bootstrap/contract';
import type { Environment } from '../environment/environment.ts';
import type { RunPhase } from '../phases.ts';
import type { BuildArtifact } from './artifacts.ts';

export interface BootstrapResult {
  readonly manifest: Manifest;
  /** False when this host has applied the same manifest before. */
  readonly applied: boolean;
  /** SQL statements that were needed; 0 means everything was as declared. */
  readonly statements: number;
  /** Migrations that were run. */
  readonly migrations: number;
}

export interface Bootstrapper {
  bootstrap(): Promise<BootstrapResult>;
}

/**
 * Builds the artefact, puts it into the functions (offline) and applies it. The build runs each time, because a
 * migration may have been edited; what follows is skipped when its hash is the one that was applied. Callers that
 * arrive together share one pass.
 */
export function createBootstrapper(options: {
  environment: Environment;
  phase: RunPhase;
  build: () => ReturnType<BuildArtifact>;
}): Bootstrapper {
  const { environment, phase } = options;
  let appliedHash: string | undefined;
  let underWay: Promise<BootstrapResult> | undefined;

  const bootstrap = async (): Promise<BootstrapResult> => {
    const artifact = await phase('build', async (note) => {
      const built = await options.build();
      note({
        detail: `artefact ${built.sha256.slice(0, 12)}`,
        counts: { bytes: built.bytes, databases: built.manifest.databases.length },
      });
      return built;
    });
    const { manifest } = artifact;
    if (manifest.hash === appliedHash) return { manifest, applied: false, statements: 0, migrations: 0 };
    if (environment.deploy !== undefined) {
      const deploy = environment.deploy.bind(environment);
      await phase('deploy', async (note) => {
        const { changed } = await deploy(artifact);
        note({ detail: changed ? 'two functions' : 'unchanged' });
      });
    }
    const result = await phase('bootstrap', async (note) => {
      const apply = await environment
        .invoke<'apply'>('bootstrap', { action: 'apply' })
        .catch((error: unknown) => {
          if (environment.kind === 'aws' && isForOthers(error)) return undefined;
          throw error;
        });
      if (apply === undefined) {
        note({ detail: 'not for this identity: taken as deployed' });
        return { manifest, applied: false, statements: 0, migrations: 0 };
      }
      const migrations = apply.migrations.reduce((sum, { applied }) => sum + applied.length, 0);
      note({
        detail: manifest.databases.map(({ name }) => name).join(', '),
        counts: { statements: apply.statements.length, migrations },
      });
      return { manifest, applied: true, statements: apply.statements.length, migrations };
    });
    appliedHash = manifest.hash;
    return result;
  };

  return {
    bootstrap: () => {
      underWay ??= bootstrap().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
  };
}

/**
 * On AWS the bootstrap belongs to the pipeline that deploys: test runs may neither know nor call the function. Whether
 * what is deployed fits is then told by the test-database function, which compares template hashes.
 */
function isForOthers(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'CONNECT_FUNCTION_NOT_CONFIGURED' || code === 'BOOTSTRAP_ACCESS_DENIED';
}
