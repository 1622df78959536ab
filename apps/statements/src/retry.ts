/** How often and how patiently a transaction is tried again that lost against another one. */
export interface RetryPolicy {
  /** Attempts in all. A batch is larger than a request's transaction and meets others longer: 8, as the ledger. */
  readonly maxAttempts: number;
  /** The longest first wait; each further one may be twice as long. */
  readonly baseDelayMs: number;
  /** No wait is longer. */
  readonly maxDelayMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { maxAttempts: 8, baseDelayMs: 20, maxDelayMs: 500 };

/** serialization_failure and deadlock_detected: running the whole transaction again can help. */
export function isLostRace(error: unknown): boolean {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return code === '40001' || code === '40P01';
}

/**
 * The wait after a failed attempt (1-based): anything between nothing and a doubling bound ("full jitter").
 * Losers that wait equally long would meet again.
 */
export function retryDelayMs(
  policy: RetryPolicy,
  attempt: number,
  random: () => number = Math.random,
): number {
  return Math.floor(Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1)) * random());
}
