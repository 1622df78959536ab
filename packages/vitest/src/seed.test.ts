import { expect, test } from 'vitest';
import { defineSeed, seedKey } from './seed.ts';

test('the same seed in two files is one branch; another name, role or function is another', () => {
  const fill = (): string => 'a';
  const key = seedKey(defineSeed('tenants', fill));
  expect(seedKey(defineSeed('tenants', fill))).toBe(key);
  const others = [
    defineSeed('others', fill),
    defineSeed('tenants', fill, { role: 'admin' }),
    defineSeed('tenants', () => 'b'),
  ];
  expect(new Set([key, ...others.map(seedKey)]).size).toBe(4);
});
