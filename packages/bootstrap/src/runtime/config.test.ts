import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

const least = {
  POSTERN_DB_HOST: 'db.example',
  POSTERN_DB_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-2:123456789012:secret:x',
  POSTERN_ALLOWED_ACTIONS: 'ping, apply',
};

test('what is not set has the default that is documented', () => {
  expect(readConfig(least)).toEqual({
    host: 'db.example',
    port: 5432,
    secret: { arn: least.POSTERN_DB_SECRET_ARN },
    ca: undefined,
    allowedActions: ['ping', 'apply'],
    migrateAs: 'migrator',
    testDatabases: false,
    timeouts: { lockMs: 0, statementMs: 0 },
    logSql: 'masked',
  });
});

test('everything that can be set is read', () => {
  expect(
    readConfig({
      ...least,
      POSTERN_DB_SECRET_ARN: '',
      POSTERN_DB_SECRET_FILE: '/run/secret.json',
      POSTERN_DB_CA_FILE: '/ca.pem',
      POSTERN_MIGRATION_LOCK_TIMEOUT_MS: '2000',
      POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS: '600000',
      POSTERN_LOG_SQL: 'full',
      POSTERN_TEST_DATABASES: 'true',
      POSTERN_MIGRATE_AS: 'master',
    }),
  ).toMatchObject({
    migrateAs: 'master',
    secret: { file: '/run/secret.json' },
    ca: { file: '/ca.pem' },
    timeouts: { lockMs: 2000, statementMs: 600_000 },
    logSql: 'full',
    testDatabases: true,
  });
});

test('all mistakes are told at once, by their variables', () => {
  const wrong = {
    POSTERN_DB_SECRET_ARN: 'my-secret',
    POSTERN_DB_PORT: '70000',
    POSTERN_ALLOWED_ACTIONS: 'apply,dance',
    POSTERN_MIGRATION_LOCK_TIMEOUT_MS: '2s',
    POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS: '-1',
    POSTERN_LOG_SQL: 'yes',
    POSTERN_TEST_DATABASES: '1',
    POSTERN_MIGRATE_AS: 'root',
  };
  let problems: unknown;
  try {
    readConfig(wrong);
  } catch (error) {
    problems = (error as { details: { problems: unknown } }).details.problems;
  }
  expect(problems).toEqual(
    expect.arrayContaining(
      ['POSTERN_DB_HOST', ...Object.keys(wrong)].map((name) => expect.stringContaining(name)),
    ),
  );
});

function problemsOf(environment: Record<string, string>): unknown {
  try {
    return readConfig({ ...least, ...environment });
  } catch (error) {
    return (error as { details: { problems: unknown } }).details.problems;
  }
}

test.each([
  [
    'POSTERN_MIGRATION_LOCK_TIMEOUT',
    '5s',
    /POSTERN_MIGRATION_LOCK_TIMEOUT_MS, POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS/,
  ],
  ['POSTERN_TEST_DATABASE', 'true', /none of POSTERN_TEST_DATABASES$/],
  ['POSTERN_ALLOWED_ACTION', 'down', /none of POSTERN_ALLOWED_ACTIONS$/],
  ['POSTERN_DB_SECRET', 'x', /POSTERN_DB_SECRET_ARN, POSTERN_DB_SECRET_FILE/],
  ['POSTERN_LOGSQL', 'full', /none of POSTERN_LOG_SQL$/],
])('a misspelt %s is told with what it may be, and not ignored', (name, value, expected) => {
  expect(problemsOf({ [name]: value })).toEqual([expect.stringMatching(expected)]);
  expect(problemsOf({ [name]: '' })).toMatchObject({ host: 'db.example' });
});

test('variables of the other packages, and of nobody, are none of its business', () => {
  expect(
    problemsOf({ POSTERN_ENV: 'dev', POSTERN_TEST_POSTGRES: '17', POSTERN_FUZZ_SEED: '7', PATH: '/bin' }),
  ).toMatchObject({ host: 'db.example' });
});

test.each(['postgres://db.example', 'db.example:5432', 'user@db.example', 'db example', '-x'])(
  'a host that is none is told before its name is looked up: %s',
  (host) => {
    expect(problemsOf({ POSTERN_DB_HOST: host })).toEqual([
      expect.stringMatching(/POSTERN_DB_HOST.*POSTERN_DB_PORT/),
    ]);
  },
);

test.each(['x.cluster-abc.eu-west-2.rds.amazonaws.com', 'localhost', '127.0.0.1', 'db'])(
  'a host name stays what it is: %s',
  (host) => {
    expect(problemsOf({ POSTERN_DB_HOST: host })).toMatchObject({ host });
  },
);
