import { expect, test } from 'vitest';
import { parseMajors } from './arguments.ts';

test('without arguments it is every version that npm cit leaves out', () => {
  expect(parseMajors([])).toEqual([15, 16, 18]);
});

test('the versions that were asked for, once each and in that order', () => {
  expect(parseMajors(['18', '17', '18'])).toEqual([18, 17]);
});

test.each(['14', '19', '16.14', 'latest', '--all'])(
  '%s is refused with the versions that are known',
  (wrong) => {
    expect(() => parseMajors(['15', wrong])).toThrow(`Unknown version: ${wrong}. Known are 15, 16, 17, 18.`);
  },
);
