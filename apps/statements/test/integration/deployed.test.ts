import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from './fixtures.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** The settings of a deployment, out of a URL that any client could use. */
function settings(prefix: string, url: string): Record<string, string> {
  const { hostname, port, pathname, username, password } = new URL(url);
  const values = { HOST: hostname, PORT: port, NAME: pathname.slice(1), USER: username, PASSWORD: password };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}_DATABASE_${name}`, value]),
  );
}

test('the entry of the function works in a process of its own, with nothing but its settings', async ({
  book,
  database,
  ledger,
  archive,
}) => {
  await book.book(await book.account(), await book.account(), '10', '2026-05-05');
  await book.close('2026-05-01', '2026-05-31');
  const event = JSON.stringify({ tenant: book.tenant, month: '2026-05' });
  const program = `
    const { handler } = await import(${JSON.stringify(main)});
    const report = await handler(${event}, { getRemainingTimeInMillis: () => 900_000 });
    process.exit(report.written === 2 ? 0 : 1);`;
  const env = {
    ...settings('LEDGER', await ledger.url('statements_reader')),
    ...settings('STATEMENTS', await database.url('statements_app')),
  };

  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env,
  });
  expect(JSON.parse(stdout)).toMatchObject({
    level: 'info',
    tenant: book.tenant,
    status: 'complete',
    lines: 2,
  });
  expect(await archive.statements(book.tenant)).toHaveLength(2);
});
