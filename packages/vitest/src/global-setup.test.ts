import { expect, test } from 'vitest';
import { mostWorkers } from './global-setup.ts';

test('where vitest 4 says nothing of workers there are some nevertheless', () => {
  expect(mostWorkers(3, false)).toBe(3);
  for (const watch of [true, false]) expect(mostWorkers(undefined, watch)).toBeGreaterThanOrEqual(1);
});
