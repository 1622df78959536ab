import { describe, expect, test } from 'vitest';
import { readSettings } from './settings.ts';

const enough = { DATABASE_HOST: '/run/postgresql', DATABASE_NAME: 'ledger', DATABASE_USER: 'ledger_app' };

describe('settings', () => {
  test('a local server needs a host, a database and a user', () => {
    expect(readSettings(enough)).toEqual({
      database: { host: '/run/postgresql', port: 5432, database: 'ledger', user: 'ledger_app' },
      listen: { host: '127.0.0.1', port: 8080 },
    });
  });

  test('with an authority the server is verified, never only encrypted', () => {
    const settings = readSettings({ ...enough, DATABASE_CA_FILE: '/ca.pem' }, (path) => `content of ${path}`);
    expect(settings.database.ssl).toEqual({ ca: 'content of /ca.pem', rejectUnauthorized: true });
  });

  test('all problems are named at once', () => {
    const unreadable = () => {
      throw new Error('ENOENT');
    };
    const environment = { DATABASE_PORT: '70000', DATABASE_CA_FILE: '/nowhere', PORT: 'http' };
    expect(() => readSettings(environment, unreadable)).toThrow(
      'DATABASE_CA_FILE cannot be read: ENOENT; DATABASE_HOST is not set; DATABASE_PORT is not a port number; ' +
        'DATABASE_NAME is not set; DATABASE_USER is not set; PORT is not a port number',
    );
  });
});
