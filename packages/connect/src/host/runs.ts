import type { ManifestDatabase, PublishResult } from '@postern/bootstrap/contract';
import type { Lease } from '@postern/test-databases';
import type { Environment } from '../environment/environment.ts';
import { ConnectError } from '../errors.ts';
import type { RunPhase } from '../phases.ts';
import { type BuiltArtifact, declaredDatabase } from './artifacts.ts';
import { type KeptLease, keepLease } from './kept-lease.ts';
import type { OwnMigrations } from './own-migrations.ts';

export interface PreparedRun {
  readonly run: string;
  /** The declared database. */
  readonly database: string;
  readonly templateHash: string;
  readonly databases: readonly string[];
  /** How many databases were cloned for this run now. */
  readonly created: number;
  /** Whether the template had to be built (migrations run) first. */
  readonly built: boolean;
}

export interface PrepareRequest {
  /** Who the run belongs to; compared by identity. */
  readonly owner: unknown;
  /** That of the working tree; the deployed one may be another. */
  readonly artifact: BuiltArtifact;
  readonly database: string;
  readonly workers: number;
}

export interface AcquiredDatabase {
  readonly name: string;
  /** Declared role → login that acts as it. */
  readonly roles: Readonly<Record<string, string>>;
}

interface Run {
  readonly id: string;
  readonly owner: unknown;
  readonly artifact: BuiltArtifact;
  readonly database: ManifestDatabase;
  readonly lease: KeptLease;
  databases: readonly string[];
  logins: Readonly<Record<string, string>>;
  /** Worker key → database. */
  readonly taken: Map<string, string>;
  /** Serialises topping up, so that two keys never get one database. */
  growing: Promise<unknown>;
}

export interface RunsOptions {
  environment: Pick<Environment, 'invoke'>;
  phase: RunPhase;
  holdLease: (run: string) => Promise<Lease>;
  /** Runs migrations that the deployed artefact does not know, and gives their names. */
  migrate: (migrations: OwnMigrations) => Promise<readonly string[]>;
  newRunId: () => string;
  log: (message: string, error?: unknown) => void;
}

/** The runs of this host: each has a lease and its databases, and belongs to the client that asked for it. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #runs = new Map<string, Run>();
  readonly #preparing = new Set<Promise<PreparedRun>>();
  readonly #releasing = new Map<string, Promise<void>>();

  constructor(options: RunsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#runs.size;
  }

  /** Takes a lease and has `workers` databases cloned. Nothing is left behind when it fails. */
  async prepare(request: PrepareRequest): Promise<PreparedRun> {
    const preparing = this.#prepare(request);
    this.#preparing.add(preparing);
    try {
      return await preparing;
    } finally {
      this.#preparing.delete(preparing);
    }
  }

  async #prepare(request: PrepareRequest): Promise<PreparedRun> {
    const { phase, newRunId } = this.#options;
    const { owner, artifact, workers } = request;
    const database = declaredDatabase(artifact.manifest, request.database);
    const id = newRunId();
    return await phase('prepare', async (note) => {
      // Side by side: the ledger takes the lease before or after the databases.
      const holding = this.#hold(id);
      const [leased, cloned] = await Promise.allSettled([
        holding,
        this.#clone({ id, artifact, database }, workers, holding),
      ]);
      if (leased.status === 'rejected' || cloned.status === 'rejected') {
        await this.#drop(id).catch(() => undefined); // what is left is without a lease, and swept
        if (leased.status === 'rejected') throw leased.reason;
        await leased.value.close();
        throw (cloned as PromiseRejectedResult).reason;
      }
      const { databases, created, built, logins, migrated } = cloned.value;
      const lease = leased.value;
      const rest = { taken: new Map<string, string>(), growing: Promise.resolve() };
      this.#runs.set(id, { id, owner, artifact, database, lease, databases, logins, ...rest });
      note(
        migrated === undefined
          ? {
              detail: `${database.name}, ${built ? 'new template' : 'known template'}`,
              counts: { databases: created, 'round trips': 1 },
            }
          : {
              detail: `${database.name}, migrated from here, published`,
              counts: { migrations: migrated, databases: created, 'round trips': 2 },
            },
      );
      const templateHash = database.templateHash;
      return { run: id, database: database.name, templateHash, databases, created, built };
    });
  }

  /**
   * Has the run have `count` databases. Migrations that the function does not know are run from here in an empty database
   * of the run, which then becomes the template. Of several runs that do so at once the first publishes, and the others
   * get its template.
   */
  async #clone(
    { id: run, artifact, database }: { id: string; artifact: BuiltArtifact; database: ManifestDatabase },
    count: number,
    leased: Promise<unknown>,
  ): Promise<PublishResult & { migrated?: number }> {
    const { environment, migrate } = this.#options;
    const { name, templateHash: hash, declarationHash } = database;
    const wanted = { database: name, hash, run, count };
    const answer = await environment.invoke<'prepare'>('testdb', { action: 'prepare', ...wanted });
    if (answer.status === 'ready') return answer;
    if (answer.declarationHash !== declarationHash) throw notDeclared(name);
    await leased; // migrations may take longer than the sweeper waits for a lease
    const migrations = await migrate({ run, artifact, database: name, target: answer });
    const request = { action: 'publish', ...wanted, migrations } as const;
    return { ...(await environment.invoke<'publish'>('testdb', request)), migrated: migrations.length };
  }

  async #hold(id: string): Promise<KeptLease> {
    const { holdLease, log } = this.#options;
    return await keepLease({
      hold: () => holdLease(id),
      onLost: (reason) => log(`the lease of run ${id} was lost; taking it again`, reason),
      onGone: (reason) => log(`run ${id} was swept while its lease was lost`, reason),
    });
  }

  /** The database of a key: always the same one for the same key of a run. More are cloned when all are taken. */
  async acquire(id: string, key: string): Promise<AcquiredDatabase> {
    const run = this.#runs.get(id);
    if (run === undefined) throw unknownRun(id);
    const acquired = run.growing.then(() => this.#acquire(run, key));
    run.growing = acquired.catch(() => undefined);
    return await acquired;
  }

  async #acquire(run: Run, key: string): Promise<AcquiredDatabase> {
    const known = run.taken.get(key);
    if (known !== undefined) return { name: known, roles: run.logins };
    if (run.taken.size === run.databases.length) {
      const more = await this.#clone(run, run.databases.length + 1, Promise.resolve());
      run.databases = more.databases;
    }
    const used = new Set(run.taken.values());
    const name = run.databases.find((candidate) => !used.has(candidate));
    if (name === undefined) throw noDatabase(run.database.name);
    run.taken.set(key, name);
    return { name, roles: run.logins };
  }

  /** Drops the run's databases and gives its lease back. Twice is once; an unknown run has been released. */
  async release(id: string): Promise<void> {
    const underWay = this.#releasing.get(id);
    if (underWay !== undefined) return await underWay;
    const run = this.#runs.get(id);
    if (run === undefined) return;
    this.#runs.delete(id);
    const releasing = this.#release(run).finally(() => this.#releasing.delete(id));
    this.#releasing.set(id, releasing);
    await releasing;
  }

  async #release(run: Run): Promise<void> {
    await this.#options.phase('release', async (note) => {
      try {
        const dropped = await this.#drop(run.id);
        note({ detail: run.database.name, counts: { databases: dropped, 'round trips': 1 } });
      } finally {
        await run.lease.close();
      }
    });
  }

  /** Releases what a client held. Failures are logged, not thrown: nobody is left to tell. */
  async releaseOf(owner: unknown): Promise<void> {
    await this.#releaseAll([...this.#runs.values()].filter((run) => run.owner === owner));
  }

  /** Releases everything, also what is just being prepared or released. */
  async releaseAll(): Promise<void> {
    await Promise.allSettled(this.#preparing);
    const underWay = [...this.#releasing.values()];
    await Promise.allSettled([...underWay, this.#releaseAll([...this.#runs.values()])]);
  }

  async #releaseAll(runs: readonly Run[]): Promise<void> {
    const { log } = this.#options;
    const failed = (run: Run) => (error: unknown) =>
      log(`run ${run.id} could not be released; it is left to the sweeper`, error);
    await Promise.all(runs.map((run) => this.release(run.id).catch(failed(run))));
  }

  async #drop(run: string): Promise<number> {
    const { dropped } = await this.#options.environment.invoke<'drop'>('testdb', { action: 'drop', run });
    return dropped.length;
  }
}

function unknownRun(run: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_RUN_UNKNOWN',
    kind: 'closed',
    message: `Run ${run} does not exist, or it has been released.`,
    hint: 'A run ends with the client that prepared it. Prepare a new one.',
  });
}

function notDeclared(database: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_RUN_FAILED',
    kind: 'conflict',
    message: `The declaration of "${database}" (roles, schemas or extensions) differs from the deployed one.`,
    hint: 'Only migrations can be tested before they are deployed. Deploy the artefact that is built from this working tree, or merge what was deployed since, then run again. Offline (POSTERN_ENV=local) a new declaration is known at once.',
  });
}

function noDatabase(database: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_RUN_FAILED',
    kind: 'internal',
    message: `The test-database function prepared no further database of "${database}".`,
    hint: 'Please report this: it answered "ready" with fewer databases than were asked for.',
  });
}
