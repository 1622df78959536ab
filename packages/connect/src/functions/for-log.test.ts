import { expect, test } from 'vitest';
import { forLog } from './for-log.ts';

/** The two forms that the runner takes for a command: a line that begins with `::name`, and `##[name]` anywhere. */
const command = /^\s*::|##\[/m;

test.each([
  'SELECT 1;\n::add-mask::app',
  'SELECT 1;\r::error::no',
  '  ::group::hidden\r\n\t::stop-commands::x',
  '-- ##[add-mask]app',
])('a line of SQL is no command of the workflow: %j', (sql) => {
  expect(sql.replaceAll('\r', '\n')).toMatch(command);
  for (const prefix of ['', 'ledger: ']) {
    const log = forLog(sql, prefix);
    expect(log.replaceAll('\r', '\n')).not.toMatch(command);
    expect(log).not.toContain('\r');
  }
});

test('each line says whose it is', () => {
  expect(forLog('CREATE TABLE a (\n  b int\n)', 'ledger: ')).toBe(
    'ledger: CREATE TABLE a (\nledger:   b int\nledger: )',
  );
});

test('casts and everything else stay as they are', () => {
  const text = "### Plan\n\nSELECT '1'::int; -- # of rows\n";
  expect(forLog(text)).toBe(text);
});
