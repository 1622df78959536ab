import { poolClosed } from '../pool/pool-errors.ts';
import type { Prefetcher, PrefetcherOptions } from './types.ts';

/** Opens a prefetcher; it fetches the first one at once. */
export function openPrefetcher<T>(options: PrefetcherOptions<T>): Prefetcher<T> {
  const prefetcher = new Ahead(options);
  prefetcher.pump();
  return prefetcher;
}

interface Caller<T> {
  resolve(item: T): void;
  reject(error: unknown): void;
}

class Ahead<T> implements Prefetcher<T> {
  readonly #options: PrefetcherOptions<T>;
  readonly #callers: Caller<T>[] = [];
  #item: { readonly value: T } | undefined;
  #taking: Promise<void> | undefined;
  /** The last attempt was for nobody and failed: the next one is for somebody. */
  #failed = false;
  #closing: Promise<void> | undefined;

  constructor(options: PrefetcherOptions<T>) {
    this.#options = options;
  }

  next({ signal }: { readonly signal?: AbortSignal } = {}): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closing) return Promise.reject(poolClosed());
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#callers.splice(this.#callers.indexOf(caller), 1);
      };
      const caller: Caller<T> = {
        resolve: (item) => {
          leave();
          resolve(item);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = (): void => caller.reject(signal?.reason);
      signal?.addEventListener('abort', abort);
      this.#callers.push(caller);
      this.pump();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  pump(): void {
    const caller = this.#callers[0];
    if (caller && this.#item) {
      const { value } = this.#item;
      this.#item = undefined;
      caller.resolve(value);
    }
    if (this.#closing || this.#item || this.#taking) return;
    if (this.#callers.length === 0 && this.#failed) return;
    this.#taking = this.#take(this.#callers[0]).then(() => {
      this.#taking = undefined;
      this.pump();
    });
  }

  async #take(caller: Caller<T> | undefined): Promise<void> {
    try {
      const value = await this.#options.take();
      this.#item = { value };
      this.#failed = false;
    } catch (error) {
      this.#failed = true;
      // Whoever came later asks again: what failed was not for them.
      if (caller && this.#callers.includes(caller)) caller.reject(error);
    }
  }

  async #close(): Promise<void> {
    for (const caller of [...this.#callers]) caller.reject(poolClosed());
    await this.#taking;
    const item = this.#item;
    this.#item = undefined;
    if (item) await this.#options.giveBack(item.value);
  }
}
