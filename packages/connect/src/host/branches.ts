import { createHash } from 'node:crypto';
import { branchNotBuilding } from './run-errors.ts';

interface Building {
  readonly state: 'building';
  readonly builder: unknown;
  /** Missing while the database is being acquired. */
  name?: string;
  /** Fulfils when it is known what has become of it. */
  readonly settled: Promise<void>;
  readonly settle: () => void;
}

interface Sealed {
  readonly state: 'sealed';
  /** The database that holds it. */
  readonly name: string;
}

export type BranchTurn<D> = { readonly turn: 'build'; readonly database: D } | { readonly turn: 'ready' };

/** The branches of a run: who builds one, who waits for it, where it is. */
export class Branches {
  readonly #templateHash: string;
  readonly #branches = new Map<string, Building | Sealed>();
  #generation = 0;

  constructor(templateHash: string) {
    this.#templateHash = templateHash;
  }

  /** What its clones are named by. Another one after `forget`. */
  hashOf(key: string): string {
    return createHash('sha256')
      .update(JSON.stringify([this.#templateHash, this.#generation, key]))
      .digest('hex');
  }

  /** The database that holds a branch, by its hash. */
  sourceOf(hash: string): string | undefined {
    for (const [key, branch] of this.#branches) {
      if (branch.state === 'sealed' && this.hashOf(key) === hash) return branch.name;
    }
    return undefined;
  }

  /**
   * The first who asks gets a database to fill; others wait until it is sealed. When it fails, the next of them gets the
   * job.
   */
  async ask<D extends { readonly name: string }>(
    key: string,
    builder: unknown,
    take: () => Promise<D>,
    signal?: AbortSignal,
  ): Promise<BranchTurn<D>> {
    for (;;) {
      signal?.throwIfAborted();
      const branch = this.#branches.get(key);
      if (branch?.state === 'sealed') return { turn: 'ready' };
      if (branch === undefined) {
        const building = newBuilding(builder);
        this.#branches.set(key, building);
        try {
          const database = await take();
          building.name = database.name;
          signal?.throwIfAborted();
          return { turn: 'build', database };
        } catch (error) {
          this.#fail(key, building);
          throw error;
        }
      }
      await untilSettled(branch.settled, signal);
    }
  }

  /** `work` makes a branch of the database; until it has, others wait. Sealed already is fine. */
  async seal(key: string, name: string, work: () => Promise<void>): Promise<string> {
    const hash = this.hashOf(key);
    const branch = this.#branches.get(key);
    if (branch?.name !== name) throw branchNotBuilding(name);
    if (branch.state === 'sealed') return hash;
    try {
      await work();
    } catch (error) {
      this.#fail(key, branch);
      throw error;
    }
    if (this.#branches.get(key) === branch) this.#branches.set(key, { state: 'sealed', name });
    branch.settle();
    return hash;
  }

  /** Gives up what is being built. False when that is not (or no longer) the case. */
  fail(key: string, name: string): boolean {
    const branch = this.#branches.get(key);
    if (branch?.state !== 'building' || branch.name !== name) return false;
    this.#fail(key, branch);
    return true;
  }

  /** Gives up what somebody builds. */
  failOf(builder: unknown): void {
    for (const [key, branch] of this.#branches) {
      if (branch.state === 'building' && branch.builder === builder) this.#fail(key, branch);
    }
  }

  /** What they hold may be out of date: they are built anew, under other hashes. Gives those that were sealed. */
  forget(): { readonly hash: string; readonly name: string }[] {
    const sealed: { hash: string; name: string }[] = [];
    for (const [key, branch] of this.#branches) {
      if (branch.state === 'building') branch.settle();
      else sealed.push({ hash: this.hashOf(key), name: branch.name });
    }
    this.#branches.clear();
    this.#generation += 1;
    return sealed;
  }

  #fail(key: string, branch: Building): void {
    if (this.#branches.get(key) === branch) this.#branches.delete(key);
    branch.settle();
  }
}

function newBuilding(builder: unknown): Building {
  let settle: () => void = () => undefined;
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { state: 'building', builder, settled, settle };
}

async function untilSettled(settled: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await settled;
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void settled.then(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
