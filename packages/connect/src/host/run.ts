import type { ManifestDatabase } from '@postern/bootstrap/contract';
import type { DatabasePool, ReleaseOptions, ReleaseOutcome } from '@postern/test-databases';
import type { BuiltArtifact } from './artifacts.ts';
import type { Branches } from './branches.ts';
import { defaultRoleOf } from './default-role.ts';
import type { ResetSessions } from './reset-sessions.ts';
import { branchUnknown, unknownRun } from './run-errors.ts';
import type {
  AcquiredDatabase,
  AcquireRequest,
  PreparedRun,
  PrepareRunRequest,
  ReleasedDatabase,
  SettledDatabase,
} from './run-types.ts';

/** Whoever asks for a database: a connection to the host. Compared by identity. */
export interface Holder {
  /** Fires when it has gone. */
  readonly gone: AbortSignal;
}

export interface RunInit {
  /** Who the run belongs to; compared by identity. */
  readonly owner: unknown;
  /** That of the working tree; the deployed one may be another. */
  readonly artifact: BuiltArtifact;
  readonly request: PrepareRunRequest;
  readonly declared: ManifestDatabase;
  readonly prepared: PreparedRun;
  /** Declared role → login that acts as it. */
  readonly roles: Readonly<Record<string, string>>;
  readonly lease: { close(): Promise<void> };
  readonly pool: DatabasePool;
  readonly sessions: ResetSessions;
  readonly branches: Branches;
}

interface Held {
  readonly acquired: Promise<AcquiredDatabase>;
  /** Undefined when it is shared: then it stays whoever goes. */
  readonly holder: Holder | undefined;
}

/** One run: its pool, and who holds which of its databases. */
export class Run {
  readonly init: RunInit;
  /** Runs of other declared databases that its workers asked for, by declared name. */
  readonly others: Map<string, Promise<Run>> = new Map();
  readonly #held = new Map<string, Held>();
  /** Database → key of `#held`. */
  readonly #keys = new Map<string, string>();
  /** By the slot of the key, who had its database last: they may still have sessions in it. */
  readonly #latest = new Map<string, Holder>();
  readonly #settled = new Map<string, Promise<SettledDatabase>>();
  #closed = false;

  constructor(init: RunInit) {
    this.init = init;
  }

  get id(): string {
    return this.init.prepared.run;
  }

  /** Whether somebody has the database now. */
  holds(name: string): boolean {
    return this.#keys.has(name);
  }

  /**
   * Whether somebody may give a database back. Who asks late must not have one reset that another one uses by now. Without
   * `holder`: the owner of the run, who may always.
   */
  mayRelease(name: string, holder?: Holder): boolean {
    const id = this.#keys.get(name);
    const held = id === undefined ? undefined : this.#held.get(id);
    if (held === undefined) return false;
    return holder === undefined || held.holder === undefined || held.holder === holder;
  }

  async acquire(request: AcquireRequest, holder: Holder): Promise<AcquiredDatabase> {
    const { key, branch, isolation } = request;
    const id = JSON.stringify([key, branch]);
    const known = this.#held.get(id);
    if (known !== undefined) return await known.acquired;
    if (branch !== undefined && this.init.branches.sourceOf(branch) === undefined) throw branchUnknown();
    const shared = request.shared ?? isolation === undefined;
    const held: Held = {
      acquired: this.#acquire(id, request, shared ? undefined : holder),
      holder: shared ? undefined : holder,
    };
    this.#held.set(id, held);
    try {
      return await held.acquired;
    } catch (error) {
      if (this.#held.get(id) === held) this.#held.delete(id);
      if (this.#closed) throw unknownRun(this.id);
      // Forgotten while somebody waited.
      throw branch !== undefined && this.init.branches.sourceOf(branch) === undefined
        ? branchUnknown()
        : error;
    }
  }

  async #acquire(
    id: string,
    { key, isolation, branch }: AcquireRequest,
    holder: Holder | undefined,
  ): Promise<AcquiredDatabase> {
    const { pool, sessions, prepared, request } = this.init;
    const slot = slotOf(key);
    const gone = holder?.gone;
    const waitForOwn = holder !== undefined && this.#latest.get(slot) === holder;
    if (holder !== undefined) this.#latest.set(slot, holder);
    const { name, origin, waitedMs } = await pool.acquire({
      key: slot,
      waitForOwn,
      ...(isolation === undefined ? {} : { isolation }),
      ...(branch === undefined ? {} : { branch }),
      ...(gone === undefined ? {} : { signal: gone }),
    });
    if (gone?.aborted === true) {
      pool.release(name);
      throw gone.reason;
    }
    this.#keys.set(name, id);
    this.#settled.delete(name);
    // While the tests use it, so that nobody waits for it when they are done.
    const willReset = gone !== undefined && isolation !== 'clone' && request.reuse !== false;
    if (willReset && pool.statistics().strategy === 'reset') sessions.openAhead(name);
    return { ...this.describe(name), origin, waitedMs, maxConnections: prepared.connections.perWorker };
  }

  /** What somebody needs to use or to find a database of the run. */
  describe(name: string): Omit<AcquiredDatabase, 'origin' | 'waitedMs' | 'maxConnections'> {
    const { declared, roles } = this.init;
    return {
      name,
      run: this.id,
      database: declared.name,
      roles,
      ...defaultRoleOf(declared, roles),
    };
  }

  /** Takes a database back from whoever has it. Undefined when nobody does. */
  release(name: string, options: ReleaseOptions): ReleasedDatabase | undefined {
    const id = this.#keys.get(name);
    if (id === undefined) return undefined;
    this.#held.delete(id);
    this.#keys.delete(name);
    const { pool, request, sessions } = this.init;
    const startedAt = performance.now();
    const reuse = request.reuse === false ? { reuse: false } : {};
    const { will, done } = pool.release(name, { ...options, ...reuse });
    const settled = done.then(async (outcome) => {
      if (outcome.status !== 'reset') await sessions.forget(name);
      return settledOf(outcome, performance.now() - startedAt);
    });
    this.#settled.set(name, settled);
    return { willReset: will === 'reset' };
  }

  async settled(name: string): Promise<SettledDatabase | undefined> {
    return await this.#settled.get(name);
  }

  /** Somebody has gone, however that came about: what it held goes back, and what it was building is given up. */
  releaseOf(holder: Holder, released: (name: string) => void): void {
    this.init.branches.failOf(holder);
    this.#releaseIf((held) => held.holder === holder, released);
  }

  /** Everything goes back, also what is shared. */
  refresh(released: (name: string) => void): void {
    const forgotten = this.init.branches.forget();
    this.#releaseIf(() => true, released);
    for (const { hash, name } of forgotten) this.forgetBranch(hash, name);
  }

  /** Drops by and by what there is of a branch, and the database that holds it. */
  forgetBranch(hash: string, name: string): void {
    void this.init.sessions.forget(name);
    this.init.pool.forgetBranch(hash, name);
  }

  #releaseIf(condition: (held: Held) => boolean, released: (name: string) => void): void {
    for (const [name, id] of this.#keys) {
      const held = this.#held.get(id);
      if (held === undefined || !condition(held)) continue;
      this.release(name, {});
      released(name);
    }
  }

  /** Ends what goes on in the background. Drops nothing and keeps the lease. */
  async close(): Promise<void> {
    const { branches, pool, sessions } = this.init;
    this.#closed = true;
    branches.forget(); // who waits for one waits in vain
    // Sessions first: a reset that hangs must not be waited for.
    await Promise.all([sessions.close(), pool.close()]);
  }
}

function settledOf(outcome: ReleaseOutcome, durationMs: number): SettledDatabase {
  if (outcome.status === 'kept') return { status: 'kept', durationMs, ended: [] };
  return { ...outcome, durationMs };
}

/** `3:k2j4:1` is the third worker's first database in a file; the next file of that worker may have it again. */
function slotOf(key: string): string {
  return key.split(':', 1)[0] as string;
}
