/** How often and how patiently a transaction is tried again that lost against another one. */
export interface RetryPolicy {
  /** Attempts in all. The default of 8 rides out a short collision and still answers within a second or two. */
  readonly maxAttempts: number;
  /** The longest first wait; each further one may be twice as long. */
  readonly baseDelayMs: number;
  /** No wait is longer. */
  readonly maxDelayMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { maxAttempts: 8, baseDelayMs: 10, maxDelayMs: 250 };

export type RetryReason = 'serialization-failure' | 'deadlock';

const reasons: ReadonlyMap<string, RetryReason> = new Map([
  ['40001', 'serialization-failure'],
  ['40P01', 'deadlock'],
]);

/** Why running the whole transaction again can help; undefined when it cannot. */
export function retryReason(error: unknown): RetryReason | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return reasons.get(error.code);
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
  const bound = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  return Math.floor(bound * random());
}
