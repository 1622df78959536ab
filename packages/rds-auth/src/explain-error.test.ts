import { describe, expect, it } from 'vitest';
import { type RdsAuthError, RdsAuthError as RdsAuthErrorClass } from './errors.ts';
import { explainConnectionError } from './explain-error.ts';

const facts = {
  endpoint: { host: 'app.cluster-c0example.eu-west-2.rds.amazonaws.com', port: 5432 },
  user: 'ledger_app',
  database: 'ledger',
  region: 'eu-west-2',
  accountId: '123456789012',
  resourceId: 'cluster-ABC',
};

const failure = (message: string, code?: string): Error => Object.assign(new Error(message), { code });

describe('what a failed login means', () => {
  it.each([
    ['PAM authentication failed for user "ledger_app"', '28000', 'RDS_TOKEN_REFUSED'],
    [
      'pg_hba.conf rejects connection for host "10.0.0.1", user "u", database "d", no encryption',
      '28000',
      'RDS_TLS_REQUIRED',
    ],
    [
      'no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption',
      '28000',
      'RDS_TLS_REQUIRED',
    ],
    [
      'no pg_hba.conf entry for host "10.0.0.1", user "u", database "rdsadmin", SSL encryption',
      '28000',
      'RDS_LOGIN_REFUSED',
    ],
    ['role "ledger_app" is not permitted to log in', '28000', 'RDS_LOGIN_REFUSED'],
    ['password authentication failed for user "ledger_app"', '28P01', 'RDS_LOGIN_REFUSED'],
    ['permission denied for database "ledger"', '42501', 'RDS_CONNECT_DENIED'],
    ['database "ledger" does not exist', '3D000', 'RDS_DATABASE_NOT_FOUND'],
    ['remaining connection slots are reserved', '53300', 'RDS_CONNECTIONS_EXHAUSTED'],
    ['the database system is starting up', '57P03', 'RDS_STARTING'],
    [
      "Hostname/IP does not match certificate's altnames",
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'RDS_TLS_NAME_MISMATCH',
    ],
    ['self-signed certificate in certificate chain', 'SELF_SIGNED_CERT_IN_CHAIN', 'RDS_TLS_UNTRUSTED'],
    ['unable to get local issuer certificate', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'RDS_TLS_UNTRUSTED'],
    ['The server does not support SSL connections', undefined, 'RDS_TLS_UNSUPPORTED'],
    ['timeout expired', undefined, 'RDS_CONNECT_TIMEOUT'],
    ['Connection terminated due to connection timeout', undefined, 'RDS_CONNECT_TIMEOUT'],
    ['Connection terminated unexpectedly', undefined, 'RDS_CONNECTION_LOST'],
    ['connect ECONNREFUSED 127.0.0.1:5432', 'ECONNREFUSED', 'RDS_UNREACHABLE'],
  ])('%s (%s) → %s', (message, code, expected) => {
    const original = failure(message, code);
    const explained = explainConnectionError(original, facts) as RdsAuthError;
    expect(explained).toMatchObject({ name: 'RdsAuthError', code: expected, cause: original });
    expect(explained.hint).not.toBe('');
  });

  it('names the resource that a policy must allow, which is the usual cause and invisible otherwise', () => {
    const explained = explainConnectionError(
      failure('PAM authentication failed for user "x"', '28000'),
      facts,
    );
    expect((explained as RdsAuthError).hint).toContain(
      'arn:aws:rds-db:eu-west-2:123456789012:dbuser:cluster-ABC/ledger_app',
    );
  });

  it('leaves alone what is no failure to connect', () => {
    const query = failure('duplicate key value violates unique constraint', '23505');
    expect(explainConnectionError(query, facts)).toBe(query);
    expect(
      explainConnectionError(failure('permission denied for table accounts', '42501'), facts),
    ).not.toHaveProperty('hint');
    const typed = new RdsAuthErrorClass({
      code: 'RDS_TOKEN_FAILED',
      kind: 'invalid',
      message: 'm',
      hint: 'h',
    });
    expect(explainConnectionError(typed, facts)).toBe(typed);
    expect(explainConnectionError('text', facts)).toBe('text');
  });
});
