import type { RunPhase } from '../phases.ts';
import type { BuiltArtifact } from './artifacts.ts';
import { DEFAULT_KEEP_MS, KeptDatabases, LONGEST_KEEP_MS } from './kept-databases.ts';
import { type OpenRunOptions, openRun, type PrepareRequest } from './open-run.ts';
import type { Holder, Run } from './run.ts';
import { unknownRun } from './run-errors.ts';
import type {
  AcquiredDatabase,
  AcquireRequest,
  BranchRequest,
  BranchState,
  PreparedRun,
  RefreshedRun,
  ReleasedDatabase,
  ReleaseRequest,
  SealBranchRequest,
  SettledDatabase,
} from './run-types.ts';

export interface RunsOptions extends Omit<OpenRunOptions, 'isOpen'> {
  phase: RunPhase;
  newRunId: () => string;
  /** A database was given back, or is about to be dropped: nobody may use it any more. */
  onReleased: (name: string) => void;
  /** A run is over, and so is what was kept of it. */
  onOver: (run: string) => void;
}

/** The runs of this host: each has a lease and a pool of databases, and belongs to the client that asked for it. */
export class Runs {
  readonly #options: RunsOptions;
  readonly #runs = new Map<string, Run>();
  readonly #preparing = new Set<Promise<Run>>();
  readonly #releasing = new Map<string, Promise<void>>();
  readonly #kept: KeptDatabases;
  #swept = false;

  constructor(options: RunsOptions) {
    this.#options = options;
    this.#kept = new KeptDatabases(({ name, run }) => void this.#dropExpired(run, name));
  }

  get count(): number {
    return this.#runs.size;
  }

  /** Databases that outlive their run. */
  get kept(): Pick<KeptDatabases, 'get' | 'remainingMs'> {
    return this.#kept;
  }

  statistics(): Record<string, unknown> {
    return Object.fromEntries([...this.#runs.values()].map(({ id, init }) => [id, init.pool.statistics()]));
  }

  /** Takes a lease and has a first database cloned; more follow. Nothing is left behind when it fails. */
  async prepare(request: PrepareRequest): Promise<PreparedRun> {
    return (await this.#tracked(request)).init.prepared;
  }

  async #tracked(request: PrepareRequest): Promise<Run> {
    const preparing = this.#prepare(request);
    this.#preparing.add(preparing);
    try {
      return await preparing;
    } finally {
      this.#preparing.delete(preparing);
    }
  }

  async #prepare(request: PrepareRequest): Promise<Run> {
    const { phase, newRunId } = this.#options;
    const id = newRunId();
    return await phase('prepare', async (note) => {
      const { run, summary } = await openRun(id, request, {
        ...this.#options,
        // What fails because the run is over is no news.
        isOpen: () => this.#runs.has(id),
      });
      this.#runs.set(id, run);
      note(summary);
      void run.init.pool.idle().then(() => this.#sweep());
      return run;
    });
  }

  /**
   * On a cluster that others use, too, each host sweeps once what dead machines have left: when its own first databases
   * are there, since dropping slows cloning.
   */
  async #sweep(): Promise<void> {
    const { environment, log } = this.#options;
    if (this.#swept || environment.kind !== 'aws' || this.#runs.size === 0) return;
    this.#swept = true;
    try {
      await environment.invoke<'sweep'>('testdb', { action: 'sweep' });
    } catch (error) {
      log('could not sweep what dead runs have left; the next host tries, or the schedule', error);
    }
  }

  async acquire(request: AcquireRequest, holder: Holder): Promise<AcquiredDatabase> {
    const run = await this.#runFor(request.run, request.database);
    return await run.acquire(request, holder);
  }

  /** The run, or the one of another declared database beside it, which is opened for the first who asks. */
  async #runFor(id: string, database: string | undefined): Promise<Run> {
    const run = this.#get(id);
    const { owner, artifact, declared, request } = run.init;
    if (database === undefined || database === declared.name) return run;
    let other = run.others.get(database);
    if (other === undefined) {
      other = this.#tracked({ ...request, owner, artifact, database }).then(async (opened) => {
        // The client may have gone, or the run been released, while this one was made.
        if (this.#runs.get(id) === run) return opened;
        await this.release(opened.id);
        throw unknownRun(id);
      });
      run.others.set(database, other);
      other.catch(() => run.others.delete(database));
    }
    return await other;
  }

  #get(id: string): Run {
    const run = this.#runs.get(id);
    if (run === undefined) throw unknownRun(id);
    return run;
  }

  /** The run that has a database: that one, or one beside it. */
  #holding(id: string, name: string): Run {
    const run = this.#get(id);
    return (
      [...this.#runs.values()].find((each) => each.init.owner === run.init.owner && each.holds(name)) ?? run
    );
  }

  /** Gives a database back. Answers at once. The run's own client may do it for its workers. */
  giveBack(request: ReleaseRequest, holder: Holder): ReleasedDatabase {
    const { name, reuse, sessions: keepSessions } = request;
    if (!this.#runs.has(request.run)) return { willReset: false }; // it took its databases with it
    const run = this.#holding(request.run, name);
    const who = run.init.owner === holder ? undefined : holder;
    if (!run.mayRelease(name, who)) return { willReset: false };
    const keepMs = Math.min(request.keepMs ?? DEFAULT_KEEP_MS, LONGEST_KEEP_MS);
    const keep = request.keep === true && this.#kept.keep(run.describe(name), keepMs);
    const released = run.release(name, {
      ...(reuse === undefined ? {} : { reuse }),
      ...(keepSessions === undefined ? {} : { keepSessions }),
      ...(keep ? { kept: true } : {}),
    });
    if (!keep) this.#options.onReleased(name);
    const willReset = released?.willReset === true;
    return {
      willReset,
      ...(request.keep === true ? { kept: keep } : {}),
      ...(keep ? { keptMs: keepMs } : {}),
    };
  }

  async settled(id: string, name: string): Promise<SettledDatabase | undefined> {
    const { owner } = this.#get(id).init;
    for (const run of this.#runs.values()) {
      const outcome = run.init.owner === owner ? run.settled(name) : undefined;
      const settled = await outcome;
      if (settled !== undefined) return settled;
    }
    return undefined;
  }

  async branch({ run: id, key, database }: BranchRequest, holder: Holder): Promise<BranchState> {
    const run = await this.#runFor(id, database);
    const { branches } = run.init;
    // A key of its own: the builder may hold other databases at the same time.
    const take = (): Promise<AcquiredDatabase> =>
      run.acquire({ run: run.id, key: `branch:${branches.hashOf(key)}`, shared: false }, holder);
    const turn = await branches.ask(key, holder, take, holder.gone);
    if (turn.turn === 'build') return { status: 'build', ...turn.database };
    return { status: 'ready', branch: branches.hashOf(key) };
  }

  async sealBranch({ run: id, key, name }: SealBranchRequest): Promise<{ branch: string }> {
    const { environment, onReleased } = this.#options;
    const run = this.#holding(id, name);
    const { branches, declared, sessions } = run.init;
    const branch = await branches.seal(key, name, async () => {
      onReleased(name);
      await sessions.forget(name);
      const hash = branches.hashOf(key);
      try {
        await environment.invoke<'branch'>('testdb', {
          action: 'branch',
          database: declared.name,
          run: run.id,
          hash,
          from: name,
        });
      } catch (error) {
        run.release(name, { reuse: false });
        throw error;
      }
      run.release(name, { kept: true }); // out of the pool: it is dropped with the run
    });
    // A refresh came in between: nobody will ask for it.
    if (branches.sourceOf(branch) !== name) run.forgetBranch(branch, name);
    return { branch };
  }

  failBranch({ run: id, key, name }: SealBranchRequest): void {
    const run = this.#holding(id, name);
    if (!run.init.branches.fail(key, name)) return;
    run.release(name, { reuse: false });
    this.#options.onReleased(name);
  }

  /** What all databases of a run have in common. */
  rolesOf(id: string): Omit<ReturnType<Run['describe']>, 'name'> {
    const { name: _, ...common } = this.#get(id).describe('');
    return common;
  }

  /** What is needed to enter a database that somebody uses, or that was kept. */
  find(name: string): ReturnType<Run['describe']> | undefined {
    const run = [...this.#runs.values()].find((each) => each.holds(name));
    return run?.describe(name) ?? this.#kept.get(name);
  }

  /**
   * Resets everything where the template is still the one of the artefact, else makes another run in its place: that first,
   * so that the old one is still there when new migrations fail.
   */
  async refresh(id: string, artifact: BuiltArtifact): Promise<RefreshedRun> {
    const run = this.#get(id);
    const { owner, request, prepared } = run.init;
    if (!isSame(run, artifact)) {
      const next = await this.prepare({ ...request, owner, artifact });
      await this.release(id);
      return { run: next.run, changed: true, prepared: next };
    }
    for (const [database, opening] of run.others) {
      const other = await opening.catch(() => undefined);
      if (other !== undefined && isSame(other, artifact)) other.refresh(this.#options.onReleased);
      else {
        run.others.delete(database);
        if (other !== undefined) await this.release(other.id);
      }
    }
    run.refresh(this.#options.onReleased);
    return { run: id, changed: false, prepared };
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
    // Settled from the start: one that fails before it is waited for would be the end of the host.
    const others = Promise.allSettled(
      [...run.others.values()].map(async (other) => await this.release((await other).id)),
    );
    await this.#options.phase('release', async (note) => {
      const closing = run.close();
      const kept = this.#kept.ofRun(run.id).map(({ name }) => name);
      if (kept.length === 0) this.#options.onOver(run.id);
      try {
        const dropped = await this.#drop(run.id, kept);
        const detail = `${run.init.declared.name}${kept.length === 0 ? '' : `, ${kept.join(', ')} kept`}`;
        note({ detail, counts: { databases: dropped, 'round trips': 1 } });
      } finally {
        await run.init.lease.close();
        await closing;
      }
    });
    await others;
  }

  /** A client or worker has gone: what it held goes back. Failures are logged: nobody is left to tell. */
  async releaseOf(holder: Holder): Promise<void> {
    const runs = [...this.#runs.values()];
    const own = runs.filter((run) => run.init.owner === holder);
    for (const run of runs) if (!own.includes(run)) run.releaseOf(holder, this.#options.onReleased);
    await this.#releaseAll(own);
  }

  /** Releases everything, also what is just being prepared or released. */
  async releaseAll(): Promise<void> {
    await Promise.allSettled(this.#preparing);
    const underWay = [...this.#releasing.values()];
    await Promise.allSettled([...underWay, this.#releaseAll([...this.#runs.values()])]);
    this.#kept.close();
  }

  async #releaseAll(runs: readonly Run[]): Promise<void> {
    const { log } = this.#options;
    const failed = (run: Run) => (error: unknown) =>
      log(`run ${run.id} could not be released; it is left to the sweeper`, error);
    await Promise.all(runs.map((run) => this.release(run.id).catch(failed(run))));
  }

  /** `keep` outlives the run, for as long as this host keeps it. */
  async #drop(run: string, keep: readonly string[]): Promise<number> {
    const keepMs = Math.max(1, this.#kept.remainingMs(run));
    const { dropped } = await this.#options.environment.invoke<'drop'>('testdb', {
      action: 'drop',
      run,
      ...(keep.length === 0 ? {} : { keep: [...keep], keepMs }),
    });
    return dropped.length;
  }

  async #dropExpired(run: string, name: string): Promise<void> {
    const { environment, onReleased, onOver, log } = this.#options;
    onReleased(name);
    if (!this.#runs.has(run) && this.#kept.ofRun(run).length === 0) onOver(run);
    try {
      await environment.invoke<'drop'>('testdb', { action: 'drop', run, databases: [name] });
    } catch (error) {
      log(`${name} was kept for long enough and could not be dropped; it is left to the sweeper`, error);
    }
  }
}

/** Whether the run's template is the one that the artefact would have. */
function isSame(run: Run, artifact: BuiltArtifact): boolean {
  const { name, templateHash } = run.init.declared;
  return artifact.manifest.databases.some((each) => each.name === name && each.templateHash === templateHash);
}
