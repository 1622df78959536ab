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
    }),
  ).toMatchObject({
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
