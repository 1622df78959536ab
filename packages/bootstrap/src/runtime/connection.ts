import type { SqlClient } from '@postern/test-databases/server';
import pg from 'pg';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { type MasterSecret, waitMs } from './secret.ts';

/**
 * Opens a session as the master, with {@link masterSettings}. With `role` it is that role from the start, also after RESET ROLE, and
 * has the settings of the database: that is for what a service brings, its migrations and its seed. With `login` that role logs in by
 * IAM instead of the master, so that no SET ROLE leads back to the master.
 */
export type ConnectMaster = (
  database: string,
  options?: { readonly role?: string; readonly login?: string },
) => Promise<SqlClient>;

/**
 * What a session of the master starts with. It works in databases whose owners it does not trust, and an owner may `ALTER DATABASE …
 * SET` anything; the options of a connection win over that, over `ALTER ROLE … SET` and over the parameter group (PostgreSQL docs,
 * "Setting Parameters"). Known to PostgreSQL 15 to 18: the server refuses a connection with a name that it does not know.
 */
const masterSettings: readonly string[] = [
  // A function, operator or table of theirs must never be taken for one of PostgreSQL's: it would run as the master (CVE-2018-1058).
  'search_path=pg_catalog',
  'role=none',
  // Refuses to read what a policy would filter, instead of running the policy.
  'row_security=off',
  'standard_conforming_strings=on',
  'default_transaction_read_only=off',
  'default_transaction_isolation=read\\ committed',
  // Notices are part of the answer, times are read from it.
  'client_min_messages=notice',
  'DateStyle=ISO',
  // A session may wait for another apply, and holds the lock while migrations run elsewhere. Who calls has a time limit of his own.
  'statement_timeout=0',
  'lock_timeout=0',
];

/** A session waits while code runs between two statements: nobody's may be ended for that. */
const patience: readonly string[] = ['idle_session_timeout=0', 'idle_in_transaction_session_timeout=0'];

/** The `options` of a connection as the master, or as `role`. */
export function sessionOptions(role?: string): string {
  const settings = role === undefined ? masterSettings : [`role=${role.replaceAll(/[\\\s]/g, '\\$&')}`];
  return [...settings, ...patience].map((setting) => `-c ${setting}`).join(' ');
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** PEM roots. Node's own are replaced by them. */
  readonly ca: string;
  readSecret(): Promise<MasterSecret>;
  /** What is left of the invocation: an answer of ours has to come before Lambda's. */
  remainingMs(): number;
  /** A fresh token for a login by IAM. */
  signToken(user: string): Promise<string>;
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
  return async (database, { role, login } = {}) => {
    if (login !== undefined) {
      const password = await options.signToken(login);
      return await open(options, { database, role, secret: { username: login, password } }).catch((error) => {
        throw loginError(error, login, options);
      });
    }
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

/** Some systems cannot watch a connection while a statement runs (Windows; RDS can): there the session goes without. */
async function openWithPg(
  options: ConnectionOptions,
  target: Parameters<OpenSession>[1],
): Promise<SqlClient> {
  const settings = sessionOptions(target.role);
  try {
    return await openOnce(options, target, `${settings} -c ${watch}`);
  } catch (error) {
    const { code, message = '' } = error as { code?: string; message?: string };
    if (code !== '22023' || !message.includes('client_connection_check_interval')) throw error;
    return await openOnce(options, target, settings);
  }
}

/** A statement whose function was killed ends within seconds, instead of holding its locks, and committing, hours later. */
const watch = 'client_connection_check_interval=5s';

async function openOnce(
  options: ConnectionOptions,
  { database, secret }: Parameters<OpenSession>[1],
  settings: string,
): Promise<SqlClient> {
  const client = new pg.Client({
    host: options.host,
    port: options.port,
    user: secret.username,
    password: secret.password,
    database,
    // rejectUnauthorized stays true; pg checks the certificate against `host`.
    ssl: { ca: options.ca },
    connectionTimeoutMillis: waitMs(options.remainingMs(), 15_000),
    application_name: 'postern-bootstrap',
    // A session may be silent for as long as one statement takes; networks forget connections after 350 s.
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    options: settings,
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

/** A migrator that was refused: IAM tells nobody why, so all reasons that there are. */
function loginError(error: unknown, login: string, options: ConnectionOptions): unknown {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (code !== '28P01' && code !== '28000') return connectionError(error, options);
  return new BootstrapError(
    'BOOTSTRAP_LOGIN_REFUSED',
    `${options.host}:${options.port} refused "${login}": ${message}`,
    {
      hint: `Migrations log in as "${login}" by IAM. Was the bootstrap applied, so that the role exists? Does the cluster have IAM authentication? Do the function's credentials allow rds-db:connect on arn:aws:rds-db:<region>:<account>:dbuser:<cluster resource id>/${login}? Where that cannot be, set POSTERN_MIGRATE_AS=master.`,
      details: { sqlState: code, login },
      cause: error,
    },
  );
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
