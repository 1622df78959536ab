import { expect, test } from 'vitest';
import { hostsOf, nowhereUrl, testEnvironment } from './environment.ts';

const real = 'postgresql://admin:hunter2@db.example.com:5432/live?sslmode=require';

test('DATABASE_URL and PGHOST lead nowhere, also when nobody has set them: a .env file is read later', () => {
  const { set, changed } = testEnvironment({});
  expect(set).toEqual({ DATABASE_URL: nowhereUrl(), PGHOST: 'set-by-postern.invalid' });
  expect(changed).toEqual([]);
  // A vitest that is started by a test finds what this one has set: that is no news.
  expect(testEnvironment(set).changed).toEqual([]);
});

test.each([
  real,
  'postgres://db.example.com/live',
  `jdbc:${real}`,
  'prisma+postgres://db.example.com/?api_key=k',
])('%s is found under any name and replaced, and its value is in nothing that is told', (url) => {
  const environment = testEnvironment({ REPORTS: url, HOME: '/root', API: 'https://db.example.com' });
  expect(environment.set['REPORTS']).toBe(nowhereUrl());
  expect(environment.changed).toEqual(['REPORTS']);
  expect(JSON.stringify(environment)).not.toContain('example.com');
});

test("libpq's own variables go, with the password", () => {
  const env = {
    PGHOST: 'db.example.com',
    PGUSER: 'admin',
    PGPASSWORD: 'hunter2',
    PGSERVICE: 'live',
    PGTZ: 'UTC',
  };
  const { set, unset, changed } = testEnvironment(env);
  expect(set['PGHOST']).toBe('set-by-postern.invalid');
  expect(unset).toEqual(expect.arrayContaining(['PGUSER', 'PGPASSWORD', 'PGSERVICE', 'PGHOSTADDR']));
  expect(unset).not.toContain('PGTZ');
  expect(changed).toEqual(['PGHOST', 'PGSERVICE', 'PGUSER', 'PGPASSWORD']);
});

test('a host that is named is left alone, and only where all hosts of a URL are named', () => {
  const env = {
    DATABASE_URL: 'postgres://a@Test.example.com/x',
    BOTH: 'postgres://test.example.com:1,live.example.com:2/x',
    BY_PARAMETER: 'postgres://test.example.com/x?host=live.example.com',
    PGHOST: 'test.example.com',
    PGUSER: 'me',
  };
  const { set, unset, changed } = testEnvironment(env, { allowHosts: ['test.example.com'] });
  expect(Object.keys(set).sort()).toEqual(['BOTH', 'BY_PARAMETER']);
  expect(changed).toEqual(['BOTH', 'BY_PARAMETER']);
  expect(unset).toEqual([]);
});

test('the variable that will lead to the database leads nowhere until then', () => {
  expect(testEnvironment({}, { databaseUrl: 'APP_DB' }).set).toHaveProperty('APP_DB', nowhereUrl());
});

test.each([
  ['postgres://u:p%40x@h.example.com:1/db', ['h.example.com']],
  ['postgres://[::1]:5432/db', ['::1']],
  ['postgres:///db?host=/var/run/postgresql', ['/var/run/postgresql']],
  ['postgres:///db', []],
  ['postgres://h?hostaddr=10.0.0.1,10.0.0.2', ['10.0.0.1', '10.0.0.2']],
  ['not a url', []],
])('%s leads to %j', (url, hosts) => {
  expect(hostsOf(url)).toEqual(hosts);
});
