import type { Lease } from '@postern/test-databases';
import { pause } from './process-identity.ts';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;

export interface KeptLeaseOptions<L extends Lease> {
  hold: () => Promise<L>;
  /** The session ended (tunnel lost, server restarted); it is being taken again. */
  onLost: (reason: unknown) => void;
  /** It cannot be taken again: the run was swept in the meantime. */
  onGone: (reason: unknown) => void;
  /** Pause before the first further attempt; doubles up to 5 s. Default 250. */
  retryMs?: number;
}

/**
 * Holds the lease of a run for as long as the run lives. A lost one is taken again at once, and again until it
 * works: the sweeper leaves a run alone for 90 seconds after it has found its lock free, and the server needs up to a
 * minute to notice a session that vanished without a word. Throws what the first `hold` throws.
 */
export async function keepLease<L extends Lease>(options: KeptLeaseOptions<L>): Promise<KeptLease<L>> {
  return new KeptLease(await options.hold(), options);
}

export class KeptLease<L extends Lease> {
  readonly #options: KeptLeaseOptions<L>;
  readonly #closing = new AbortController();
  #lease: L | undefined;

  constructor(lease: L, options: KeptLeaseOptions<L>) {
    this.#options = options;
    this.#watch(lease);
  }

  /** Undefined while it is lost. */
  get current(): L | undefined {
    return this.#lease;
  }

  #watch(lease: L): void {
    this.#lease = lease;
    void lease.closed.then(({ reason }) => {
      if (this.#closing.signal.aborted) return;
      this.#lease = undefined;
      this.#options.onLost(reason);
      void this.#takeAgain();
    });
  }

  async #takeAgain(): Promise<void> {
    const { signal } = this.#closing;
    for (let wait = this.#options.retryMs ?? FIRST_RETRY_MS; ; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        const lease = await this.#options.hold();
        if (signal.aborted) await lease.close();
        else this.#watch(lease);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if ((error as { code?: unknown }).code === 'TESTDB_RUN_CLOSED') return this.#options.onGone(error);
      }
      await pause(wait, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#lease?.close();
  }
}
