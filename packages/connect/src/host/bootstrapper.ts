import type { Manifest, ResultOf } from '@postern/bootstrap/contract';
import type { Environment } from '../environment/environment.ts';
import type { RunPhase } from '../phases.ts';
import type { ArtifactCache } from './artifact-cache.ts';
import type { BuiltArtifact } from './artifacts.ts';

export interface BootstrapResult {
  readonly artifact: BuiltArtifact;
  /** False when this host has applied the same manifest before. */
  readonly applied: boolean;
  /** SQL statements that were needed; 0 means everything was as declared. */
  readonly statements: number;
  /** Migrations that were run. */
  readonly migrations: number;
}

export interface BootstrapperOptions {
  environment: Environment;
  phase: RunPhase;
  artifacts: Pick<ArtifactCache, 'unchanged' | 'build'>;
}

/**
 * Builds the artefact, puts it into the functions (offline) and applies it. Each step is left out, and no event tells
 * of it, when nothing has changed since the last time.
 */
export class Bootstrapper {
  readonly #options: BootstrapperOptions;
  #appliedHash: string | undefined;
  #current: Promise<BootstrapResult> | undefined;
  #next: Promise<BootstrapResult> | undefined;

  constructor(options: BootstrapperOptions) {
    this.#options = options;
  }

  /**
   * One pass at a time. Who comes while one is under way waits for the next, because that one may have read the files
   * before the latest edit; all who wait share it.
   */
  bootstrap(): Promise<BootstrapResult> {
    if (this.#next !== undefined) return this.#next;
    if (this.#current === undefined) return this.#start();
    const start = (): Promise<BootstrapResult> => this.#start();
    this.#next = this.#current.then(start, start);
    return this.#next;
  }

  #start(): Promise<BootstrapResult> {
    this.#next = undefined;
    const pass = this.#pass().finally(() => {
      if (this.#current === pass) this.#current = undefined;
    });
    this.#current = pass;
    return pass;
  }

  async #pass(): Promise<BootstrapResult> {
    const { artifacts } = this.#options;
    const artifact = (await artifacts.unchanged()) ?? (await this.#build());
    const { hash } = artifact.manifest;
    if (hash === this.#appliedHash) return { artifact, applied: false, statements: 0, migrations: 0 };
    await this.#deploy(artifact);
    const result = await this.#apply(artifact);
    this.#appliedHash = hash;
    return result;
  }

  async #build(): Promise<BuiltArtifact> {
    const { phase, artifacts } = this.#options;
    return await phase('build', async (note) => {
      const artifact = await artifacts.build();
      const { databases, hash } = artifact.manifest;
      const same = hash === this.#appliedHash ? ', unchanged' : '';
      note({
        detail: `artefact ${artifact.sha256.slice(0, 12)}${same}`,
        counts: { databases: databases.length, bytes: artifact.bytes },
      });
      return artifact;
    });
  }

  async #deploy(artifact: BuiltArtifact): Promise<void> {
    const { environment, phase } = this.#options;
    if (environment.deploy === undefined) return;
    const deploy = environment.deploy.bind(environment);
    await phase('deploy', async (note) => {
      const { functions } = await deploy(artifact);
      note(functions.length === 0 ? { detail: 'unchanged' } : { detail: functions.join(', ') });
    });
  }

  async #apply(artifact: BuiltArtifact): Promise<BootstrapResult> {
    const { environment, phase } = this.#options;
    return await phase('bootstrap', async (note) => {
      const anew: string[] = [];
      const apply = await this.#invokeApply(anew).catch((error: unknown) => {
        if (environment.kind === 'aws' && isForOthers(error)) return undefined;
        throw error;
      });
      if (apply === undefined) {
        note({ detail: 'not for this identity: taken as deployed' });
        return { artifact, applied: false, statements: 0, migrations: 0 };
      }
      const statements = apply.statements.length;
      const migrations = apply.migrations.reduce((sum, { applied }) => sum + applied.length, 0);
      const why =
        anew.length === 0 ? '' : `; made anew, since applied migrations have changed: ${anew.join(', ')}`;
      note({
        detail: `${namesOf(artifact.manifest)}${why}`,
        counts: { statements, migrations, 'round trips': anew.length + 1 },
      });
      return { artifact, applied: true, statements, migrations };
    });
  }

  /**
   * Offline, a migration that was applied may be edited, renamed or left behind on another branch: the databases there are
   * made of the working tree, so one whose books do not match it is made anew. Each at most once.
   */
  async #invokeApply(anew: string[]): Promise<ResultOf['apply']> {
    const { environment } = this.#options;
    for (;;) {
      try {
        return await environment.invoke<'apply'>('bootstrap', { action: 'apply' });
      } catch (error) {
        const database = environment.kind === 'local' ? otherBooks(error) : undefined;
        if (database === undefined || anew.includes(database) || environment.dropDatabase === undefined) {
          throw error;
        }
        await environment.dropDatabase(database);
        anew.push(database);
      }
    }
  }
}

const namesOf = ({ databases }: Manifest): string => databases.map(({ name }) => name).join(', ');

/**
 * On AWS the bootstrap belongs to the pipeline that deploys: test runs may not know the function or not call it. Whether
 * what is deployed fits is then told by the test-database function, which compares template hashes.
 */
function isForOthers(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'CONNECT_FUNCTION_NOT_CONFIGURED' || code === 'BOOTSTRAP_ACCESS_DENIED';
}

/** The database whose applied migrations are not those of the artefact. */
function otherBooks(error: unknown): string | undefined {
  const { code, details } = error as { code?: unknown; details?: { database?: unknown } };
  if (code !== 'BOOTSTRAP_MIGRATION_CHANGED' && code !== 'BOOTSTRAP_MIGRATION_ORDER') return undefined;
  return typeof details?.database === 'string' ? details.database : undefined;
}
