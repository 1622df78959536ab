import type { BootstrapClient } from '@postern/bootstrap/client';
import type { ResultOf } from '@postern/bootstrap/contract';

/** A run that a sweep has marked is dropped by one that comes at least 90 s later. */
const graceMs = 95_000;

/**
 * Sweeps, and once more where the first sweep marked somebody, found somebody within the grace period or met another sweeper.
 * A nightly sweep alone would do, too: what it marks goes the next night. The second one costs two minutes of a cluster that
 * is awake anyway, and saves a day of dead databases.
 */
export async function sweepAgain(
  client: Pick<BootstrapClient, 'sweep'>,
  wait: (ms: number) => Promise<unknown>,
): Promise<ResultOf['sweep'][]> {
  const first = await client.sweep();
  if (first.status === 'swept' && first.marked.length === 0 && first.waiting.length === 0) return [first];
  await wait(graceMs);
  return [first, await client.sweep()];
}
