import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chosenServer, testMajor } from './fixtures/chosen-server.ts';
import { master, startTestFront, type TestFront } from './fixtures/test-front.ts';

const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
const section = /\n## The master user\n(.*?)\n## /s.exec(readme)?.[1] ?? '';
const [always = [], in15 = []] = section.split('\n### With PostgreSQL 15\n').map(rowsOf);
const exceptions = new Map(testMajor === 15 ? in15.map((row) => [row.statement, row.here]) : []);
const documented = always.map((row) => ({ ...row, here: exceptions.get(row.statement) ?? row.here }));

function rowsOf(text: string): { statement: string; here: string }[] {
  return text
    .split('\n')
    .map((line) => /^\| `(.+?)` \| (.+?) \| (.+?) \|/.exec(line))
    .filter((row) => row !== null)
    .map(([, statement = '', , here = '']) => ({ statement, here }));
}

let cloud: TestFront;
let client: pg.Client;

beforeAll(async () => {
  cloud = await startTestFront({ installation: chosenServer });
  client = new pg.Client(cloud.config(master));
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await cloud.close();
});

test('the README lists what the master can do', () => {
  expect(documented.length).toBeGreaterThan(60);
  const statements = documented.map(({ statement }) => statement);
  expect(in15.filter(({ statement }) => !statements.includes(statement))).toEqual([]);
});

test.each(documented)('as the README says, the master: $statement → $here', async ({ statement, here }) => {
  const outcome = await client.query({ text: statement, rowMode: 'array' }).then(
    ({ rows }) => (here === 'works' ? 'works' : String(rows[0]?.[0])),
    (error) => error.code,
  );
  expect(outcome).toBe(here);
});

test('the master ends sessions of others, but not those of the superuser', async () => {
  await cloud.asSuperuser('create role m_session login');
  await cloud.server.setPassword('m_session', 'a password');
  const other = new pg.Client(cloud.config({ user: 'm_session', password: 'a password' }));
  const ended = new Promise<string>((fulfil) =>
    other.once('error', (error: Error & { code?: string }) => fulfil(error.code ?? '')),
  );
  other.on('error', () => {}); // after the reason comes the end of the connection
  await other.connect();
  const terminate =
    "select pg_terminate_backend(pid) as done from pg_stat_activity where usename = 'm_session'";
  expect((await client.query(terminate)).rows).toEqual([{ done: true }]);
  expect(await ended).toBe('57P01');
});
