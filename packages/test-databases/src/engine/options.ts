import { TestDatabaseError } from '../errors.ts';
import { isTemplateHash } from '../server/names.ts';
import type { TestDatabasesOptions } from './types.ts';

/** Objects to what would fail later with a less helpful message. */
export function checkOptions({ name, template, workers = 1, shards = 1 }: TestDatabasesOptions): void {
  if (!/^[a-z0-9_]{1,63}$/.test(name)) throw invalid(`name is "${name}"`, '1 to 63 of a-z, 0-9 and _');
  if (!isTemplateHash(template.hash)) {
    throw invalid('template.hash is not a hash', '64 hexadecimal digits, as hashOf() makes them');
  }
  for (const [option, value] of Object.entries({ workers, shards })) {
    if (!Number.isInteger(value) || value < 1) throw invalid(`${option} is ${value}`, 'an integer from 1 on');
  }
}

function invalid(what: string, expected: string): TestDatabaseError {
  return new TestDatabaseError('TESTDB_OPTION_INVALID', what, {
    kind: 'invalid',
    hint: `Expected ${expected}.`,
  });
}
