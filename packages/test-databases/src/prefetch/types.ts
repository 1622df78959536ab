export interface PrefetcherOptions<T> {
  /** Fetches one. Never called while another call is pending. */
  take(): Promise<T>;
  /** Gives one back that nobody took. */
  giveBack(item: T): Promise<void>;
}

/** Always has the next one ready: it is fetched while the present one is in use. */
export interface Prefetcher<T> extends AsyncDisposable {
  /**
   * What was fetched ahead. As soon as it is there the next one is being fetched. When fetching ahead failed it is
   * tried once more. Rejects with the error of `take`, `signal.reason`, or `TESTDB_POOL_CLOSED`.
   */
  next(options?: { readonly signal?: AbortSignal }): Promise<T>;
  /** Gives back what was fetched and not taken. Rejects who waits. */
  close(): Promise<void>;
}
