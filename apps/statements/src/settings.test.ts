import { describe, expect, test } from 'vitest';
import { readSettings } from './settings.ts';

const enough = {
  LEDGER_DATABASE_HOST: 'cluster.example',
  LEDGER_DATABASE_NAME: 'ledger',
  LEDGER_DATABASE_USER: 'statements_reader',
  STATEMENTS_DATABASE_HOST: '/run/postgresql',
  STATEMENTS_DATABASE_NAME: 'statements',
  STATEMENTS_DATABASE_USER: 'statements_app',
};

describe('settings', () => {
  test('each database has its own', () => {
    expect(readSettings(enough)).toEqual({
      ledger: { host: 'cluster.example', port: 5432, database: 'ledger', user: 'statements_reader' },
      statements: { host: '/run/postgresql', port: 5432, database: 'statements', user: 'statements_app' },
    });
  });

  test('with an authority a server is verified, never only encrypted', () => {
    const settings = readSettings({ ...enough, LEDGER_DATABASE_CA_FILE: '/ca.pem' }, (path) => `of ${path}`);
    expect(settings.ledger.ssl).toEqual({ ca: 'of /ca.pem', rejectUnauthorized: true });
    expect(settings.statements.ssl).toBeUndefined();
  });

  test('all problems are named at once', () => {
    const unreadable = () => {
      throw new Error('ENOENT');
    };
    const { LEDGER_DATABASE_USER: _, ...rest } = enough;
    const environment = { ...rest, LEDGER_DATABASE_CA_FILE: '/nowhere', STATEMENTS_DATABASE_PORT: 'pg' };
    expect(() => readSettings(environment, unreadable)).toThrow(
      'LEDGER_DATABASE_CA_FILE cannot be read: ENOENT; LEDGER_DATABASE_USER is not set; ' +
        'STATEMENTS_DATABASE_PORT is not a port number',
    );
  });
});
