import type { AcquiredDatabase, HostClient } from '@postern/connect/host';
import { PosternVitestError } from './errors.ts';
import { type Seed, type SeedContext, seedKey } from './seed.ts';

export interface SeedBranchParts {
  readonly host: HostClient;
  readonly run: string;
  readonly seed: Seed;
  /** Opens what the seed works with, and ends it. */
  readonly open: (acquired: AcquiredDatabase) => SeedContext & { close(): Promise<void> };
}

/**
 * The branch of a seed. Whoever of the run asks first fills it; everybody else waits for it.
 *
 * @throws PosternVitestError `VITEST_SEED_FAILED`
 */
export async function seedBranch({ host, run, seed, open }: SeedBranchParts): Promise<string> {
  const key = seedKey(seed);
  const state = await host.branch({ run, key });
  if (state.status === 'ready') return state.branch;
  const { name } = state;
  try {
    const { close, ...context } = open(state);
    try {
      await seed.fill(context);
    } finally {
      await close();
    }
  } catch (cause) {
    await host.failBranch({ run, key, name }).catch(() => undefined);
    throw new PosternVitestError('VITEST_SEED_FAILED', {
      kind: 'invalid',
      message: `The seed ${JSON.stringify(seed.name)} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'Correct the seed. Nothing of it was kept.',
      cause,
    });
  }
  return (await host.sealBranch({ run, key, name })).branch;
}
