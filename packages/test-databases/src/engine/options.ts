import { TestDatabaseError } from '../errors.ts';
import { isTemplateHash } from '../server/names.ts';
import type { TestDatabasesOptions } from './types.ts';

const KNOWN: Readonly<Record<keyof TestDatabasesOptions, true>> = {
  connect: true,
  name: true,
  template: true,
  owner: true,
  logins: true,
  workers: true,
  shards: true,
  sessionsPerWorker: true,
  depth: true,
  maxResets: true,
  maxDiscarded: true,
  keepMs: true,
  sweep: true,
  buildTimeoutMs: true,
  onEvent: true,
  signal: true,
};

/** Objects to what would fail later with a less helpful message. */
export function checkOptions(given: TestDatabasesOptions): void {
  const names = Object.keys(KNOWN);
  const unknown = Object.keys(given).find((option) => !names.includes(option));
  if (unknown !== undefined) throw invalid(`there is no option ${unknown}`, `one of ${names.join(', ')}`);
  const { name, template, workers = 1, shards = 1 } = given;
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
