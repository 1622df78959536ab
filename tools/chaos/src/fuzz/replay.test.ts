import { seededRandom } from '@postern/ssm-protocol/testing';
import { describe, expect, it } from 'vitest';
import { readCorpus } from './corpus.ts';
import { mutate } from './mutate.ts';
import { StrayErrors } from './stray-errors.ts';
import { allTargets } from './targets.ts';

const targets = await allTargets();

describe.each(targets.map((target) => [target.name, target] as const))(
  'a peer that speaks %s',
  (name, target) => {
    const saved = readCorpus(name).map(({ hex, problem = 'reached' }) => ({
      input: Buffer.from(hex, 'hex'),
      problem,
    }));

    it('breaks nothing with what was found once, and with what reaches rare code', async () => {
      using stray = new StrayErrors();
      for (const { input, problem } of saved) {
        await expect(Promise.resolve(target.run(input)), problem).resolves.toBeUndefined();
        expect(stray.take(), problem).toBeUndefined();
      }
      for (const seed of target.seeds) await target.run(seed);
      expect(stray.take()).toBeUndefined();
    });
  },
);

it('the fuzzer makes the same inputs from the same seed', () => {
  const make = (): Uint8Array[] => {
    const random = seededRandom(5);
    return Array.from({ length: 50 }, () =>
      mutate(Buffer.from('parent'), Buffer.from('other'), ['word'], random),
    );
  };
  expect(make()).toEqual(make());
  expect(new Set(make().map(String)).size).toBeGreaterThan(10);
});
