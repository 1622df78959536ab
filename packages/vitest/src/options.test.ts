import { expect, test } from 'vitest';
import { keeps, suiteDefaults, testSettings } from './options.ts';
import { postern } from './plugin.ts';

test('at the desk a failed test keeps its database, where CI is set none does', () => {
  expect(suiteDefaults({}, undefined)).toEqual({
    scope: 'file',
    isolation: 'reset',
    keep: 'on-failure',
    queryLog: false,
    leaks: 'report',
  });
  expect(suiteDefaults({}, 'true').keep).toBe('never');
  expect(suiteDefaults({}, 'false').keep).toBe('on-failure');
  expect(suiteDefaults({ keep: 'always' }, 'true').keep).toBe('always');
  expect([false, true].map((failed) => keeps({ keep: 'on-failure' }, failed))).toEqual([false, true]);
});

test('a file says what is different and has the rest of the suite', () => {
  const suite = suiteDefaults({ scope: 'worker', role: 'app', leaks: 'fail' }, undefined);
  expect(testSettings({ scope: 'test', role: undefined as never }, suite)).toMatchObject({
    scope: 'test',
    role: 'app',
    leaks: 'fail',
  });
});

test('a database per test takes the place of transactions, and the other way round', () => {
  const transactions = suiteDefaults({ isolation: 'transaction' }, undefined);
  expect(testSettings({ scope: 'test' }, transactions)).toMatchObject({ scope: 'test', isolation: 'reset' });
  const perTest = suiteDefaults({ scope: 'test' }, undefined);
  expect(testSettings({ isolation: 'transaction' }, perTest)).toMatchObject({
    scope: 'file',
    isolation: 'transaction',
  });
});

test.each([
  [{ scope: 'tests' }, 'scope is "tests"; it is one of run, worker, file, test.'],
  [{ keep: true }, 'keep is true; it is one of on-failure, always, never.'],
  [{ scope: 'run', isolation: 'clone' }, "no next use that isolation 'clone' could be for"],
  [{ scope: 'test', isolation: 'transaction' }, "scope 'test' gives each test a database of its own"],
])('%j is refused where it is written', (options, message) => {
  for (const check of [
    () => suiteDefaults(options as never, undefined),
    () => testSettings(options as never, suiteDefaults({}, undefined)),
  ]) {
    expect(check).toThrow(
      expect.objectContaining({ code: 'VITEST_OPTIONS_INVALID', message: expect.stringContaining(message) }),
    );
  }
});

test('a misspelt option is refused with those that there are, not ignored', () => {
  const message = expect.stringMatching(/^There is no option "scop"; there are scope, .*leaks/);
  const refusal = expect.objectContaining({ code: 'VITEST_OPTIONS_INVALID', message });
  expect(() => suiteDefaults({ scop: 'test' } as never, undefined)).toThrow(refusal);
  expect(() => testSettings({ scop: 'test' } as never, suiteDefaults({}, undefined))).toThrow(refusal);
  expect(() => postern({ scop: 'test' } as never)).toThrow(refusal);
  expect(() => postern({ reporter: { jsn: true } } as never)).toThrow(
    /There is no option "jsn"; there are terminal, html, json, summary\./,
  );
});

test('one file may share its database in a suite whose others clone theirs, and tests of a shared one may roll back', () => {
  const suite = suiteDefaults({ isolation: 'clone' }, undefined);
  expect(testSettings({ scope: 'run' }, suite)).toMatchObject({ scope: 'run' });
  expect(suiteDefaults({ scope: 'run', isolation: 'transaction' }, undefined)).toMatchObject({
    scope: 'run',
  });
});
