import type { SqlClient } from '@postern/test-databases/server';
import pg from 'pg';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import type { MasterSecret } from './secret.ts';

/** Opens a session as the master; with `role` it is that role from the start, also after RESET ROLE. */
export type ConnectMaster = (database: string, options?: { readonly role?: string }) => Promise<SqlClient>;

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** PEM roots. Node's own are replaced by them. */
  readonly ca: string;
  readSecret(): Promise<MasterSecret>;
}

/** Opens one session with one password. */
export type OpenSession = (
  options: ConnectionOptions,
  target: { readonly database: string; readonly role: string | undefined; readonly secret: MasterSecret },
) => Promise<SqlClient>;

/**
 * Sessions with verify-full. The secret is read once per connector, and once more when the server refuses the
 * password: RDS rotates it without notice.
 */
export function createConnector(options: ConnectionOptions, open: OpenSession = openWithPg): ConnectMaster {
  let secret: Promise<MasterSecret> | undefined;
  return async (database, { role } = {}) => {
    secret ??= options.readSecret();
    try {
      return await open(options, { database, role, secret: await secret });
    } catch (error) {
      if ((error as { code?: string }).code !== '28P01') throw connectionError(error, options);
      secret = options.readSecret();
      try {
        return await open(options, { database, role, secret: await secret });
      } catch (again) {
        throw connectionError(again, options);
      }
    }
  };
}

async function openWithPg(
  options: ConnectionOptions,
  { database, role, secret }: Parameters<OpenSession>[1],
): Promise<SqlClient> {
  const client = new pg.Client({
    host: options.host,
    port: options.port,
    user: secret.username,
    password: secret.password,
    database,
    // rejectUnauthorized stays true; pg checks the certificate against `host`.
    ssl: { ca: options.ca },
    connectionTimeoutMillis: 15_000,
    application_name: 'postern-bootstrap',
    ...(role === undefined ? {} : { options: `-c role=${role}` }),
  });
  // A session that breaks between two queries shows in the next query; without a listener it ends the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    void client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

/** Errors of the way to the database; `3D000` (no such database) stays what it is. */
function connectionError(error: unknown, options: ConnectionOptions): unknown {
  if (isBootstrapError(error)) return error;
  const { code = '', message = '' } = error as { code?: string; message?: string };
  const at = `${options.host}:${options.port}`;
  if (code === '28P01' || code === '28000') {
    return new BootstrapError('BOOTSTRAP_LOGIN_REFUSED', `${at} refused the master: ${message}`, {
      hint: message.startsWith('PAM')
        ? 'The master is a member of rds_iam (perhaps through another role), so its password no longer counts. Revoke that membership with an IAM login.'
        : 'The secret was read twice and its password refused twice: is it the secret of this cluster?',
      details: { sqlState: code },
      cause: error,
    });
  }
  if (/CERT|SIGNATURE|ISSUER|^ERR_TLS/.test(code)) {
    return new BootstrapError(
      'BOOTSTRAP_TLS_UNTRUSTED',
      `the certificate of ${at} does not verify: ${message} (${code})`,
      {
        hint: 'Pass the CA bundle of the region as POSTERN_DB_CA, POSTERN_DB_CA_FILE or ca.pem in the artefact, and the real endpoint name as POSTERN_DB_HOST.',
        details: { tlsCode: code },
        cause: error,
      },
    );
  }
  const dropped = /timeout expired|Connection terminated|socket disconnected|does not support SSL/.test(
    message,
  );
  if (dropped || /^(E[A-Z]+|53300|57P0[1-3])$/.test(code)) {
    return new BootstrapError(
      'BOOTSTRAP_DATABASE_UNREACHABLE',
      `no connection to ${at}: ${message}${code && ` (${code})`}`,
      {
        hint: "Check POSTERN_DB_HOST and POSTERN_DB_PORT, and that the cluster's security group admits the function.",
        details: { code },
        cause: error,
      },
    );
  }
  return error;
}
