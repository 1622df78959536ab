import { type Action, allActions } from '../contract/request.ts';
import { BootstrapError } from '../errors.ts';

/** The function's configuration, from its environment variables. */
export interface Config {
  /** `POSTERN_DB_HOST`: the cluster's endpoint; the certificate must carry this name. */
  readonly host: string;
  /** `POSTERN_DB_PORT`. Default 5432. */
  readonly port: number;
  /**
   * `POSTERN_DB_SECRET_ARN`: the managed master secret; or, outside of Lambda, `POSTERN_DB_SECRET_FILE`: a file with
   * `{"username": …, "password": …}`. Never taken from an event.
   */
  readonly secret: { readonly arn: string } | { readonly file: string };
  /** `POSTERN_DB_CA` (PEM) or `POSTERN_DB_CA_FILE`. Default: `ca.pem` in the artefact. */
  readonly ca: { readonly pem: string } | { readonly file: string } | undefined;
  /**
   * `POSTERN_ALLOWED_ACTIONS`: comma-separated. Required: a function does only what it is for, and `prune`, `down` and
   * `fake` only where they are named.
   */
  readonly allowedActions: readonly Action[];
  /** `POSTERN_TEST_DATABASES`: whether this cluster may hold test databases. Default false. */
  readonly testDatabases: boolean;
  /**
   * `POSTERN_MIGRATE_AS`: who logs in for migrations. `migrator` (default): `<database>_migrator` by IAM, who may become the
   * owner and nothing else. `master`, where there is no IAM: then whoever may change a database can become master through
   * what a migration fires.
   */
  readonly migrateAs: 'migrator' | 'master';
  /** Of each migration. 0: the server's own. */
  readonly timeouts: {
    /** `POSTERN_MIGRATION_LOCK_TIMEOUT_MS`: `lock_timeout`. Default 0. */
    readonly lockMs: number;
    /** `POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS`: `statement_timeout`. Default 0. */
    readonly statementMs: number;
  };
  /** `POSTERN_LOG_SQL`: `masked` (default) keeps the values of SQL out of the log, `full` does not. */
  readonly logSql: 'masked' | 'full';
}

const variables = [
  'POSTERN_DB_HOST',
  'POSTERN_DB_PORT',
  'POSTERN_DB_SECRET_ARN',
  'POSTERN_DB_SECRET_FILE',
  'POSTERN_DB_CA',
  'POSTERN_DB_CA_FILE',
  'POSTERN_ALLOWED_ACTIONS',
  'POSTERN_TEST_DATABASES',
  'POSTERN_MIGRATE_AS',
  'POSTERN_MIGRATION_LOCK_TIMEOUT_MS',
  'POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS',
  'POSTERN_LOG_SQL',
] as const;

/** How names begin that can only be meant for this function. */
const ours = /^POSTERN_(?:DB_|ALLOWED|TEST_DATABASE|MIGRAT|LOG)/;

/** Those that begin as the name does. */
function similar(name: string): string[] {
  const [, word = ''] = /^POSTERN_([A-Z]{2})/.exec(name) ?? [];
  return variables.filter((variable) => variable.startsWith(`POSTERN_${word}`));
}

/** Reads the configuration. Throws `BOOTSTRAP_CONFIG_INVALID` with all problems at once, by variable. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const required = (name: string): string => {
    const value = environment[name]?.trim() ?? '';
    if (value === '') problems.push(`${name} is not set`);
    return value;
  };
  const unknown = Object.keys(environment).filter(
    (name) => ours.test(name) && environment[name] && !(variables as readonly string[]).includes(name),
  );
  // What is misspelt would have its default, and nobody would know.
  problems.push(...unknown.map((name) => `${name} is none of ${similar(name).join(', ')}`));
  const host = required('POSTERN_DB_HOST');
  if (host !== '' && !/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(host)) {
    problems.push('POSTERN_DB_HOST is not a host name: without a scheme, the port goes to POSTERN_DB_PORT');
  }
  const port = Number(environment['POSTERN_DB_PORT'] || 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65535) problems.push('POSTERN_DB_PORT is not a port');
  const secretFile = environment['POSTERN_DB_SECRET_FILE']?.trim() ?? '';
  const secretArn = secretFile === '' ? required('POSTERN_DB_SECRET_ARN') : '';
  if (secretFile !== '' && environment['POSTERN_DB_SECRET_ARN']) {
    problems.push('POSTERN_DB_SECRET_ARN and POSTERN_DB_SECRET_FILE are both set: choose one');
  }
  if (secretArn !== '' && !/^arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:.+$/.test(secretArn)) {
    problems.push('POSTERN_DB_SECRET_ARN is not the ARN of a secret');
  }
  const milliseconds = (name: string): number => {
    const text = environment[name] || '0';
    if (/^\d{1,9}$/.test(text)) return Number(text);
    problems.push(`${name} is not a number of milliseconds`);
    return 0;
  };
  const timeouts = {
    lockMs: milliseconds('POSTERN_MIGRATION_LOCK_TIMEOUT_MS'),
    statementMs: milliseconds('POSTERN_MIGRATION_STATEMENT_TIMEOUT_MS'),
  };
  const migrateAs = environment['POSTERN_MIGRATE_AS'] || 'migrator';
  if (migrateAs !== 'migrator' && migrateAs !== 'master')
    problems.push('POSTERN_MIGRATE_AS must be migrator or master');
  const logSql = readLogSql(environment);
  if (logSql === undefined) problems.push('POSTERN_LOG_SQL must be masked or full');
  const actions = required('POSTERN_ALLOWED_ACTIONS')
    .split(',')
    .map((action) => action.trim())
    .filter((action) => action !== '');
  for (const action of actions) {
    if (!(allActions as readonly string[]).includes(action)) {
      problems.push(`POSTERN_ALLOWED_ACTIONS: "${action.slice(0, 40)}" is none of ${allActions.join(', ')}`);
    }
  }
  const flag = environment['POSTERN_TEST_DATABASES'] || 'false';
  if (flag !== 'true' && flag !== 'false') problems.push('POSTERN_TEST_DATABASES must be true or false');
  const pem = environment['POSTERN_DB_CA'];
  const file = environment['POSTERN_DB_CA_FILE'];
  if (pem && !pem.includes('-----BEGIN CERTIFICATE-----'))
    problems.push('POSTERN_DB_CA is not a PEM certificate');
  if (pem && file) problems.push('POSTERN_DB_CA and POSTERN_DB_CA_FILE are both set: choose one');
  if (problems.length > 0) {
    throw new BootstrapError('BOOTSTRAP_CONFIG_INVALID', problems.join('\n'), {
      hint: "Correct the function's environment variables named above.",
      details: { problems },
    });
  }
  return {
    host,
    port,
    secret: secretFile === '' ? { arn: secretArn } : { file: secretFile },
    ca: pem ? { pem } : file ? { file } : undefined,
    allowedActions: actions as Action[],
    migrateAs: migrateAs === 'master' ? 'master' : 'migrator',
    testDatabases: flag === 'true',
    timeouts,
    logSql: logSql ?? 'masked',
  };
}

/** Read on its own, because a log is written also where the rest of the configuration is wrong. */
export function readLogSql(
  environment: Readonly<Record<string, string | undefined>>,
): Config['logSql'] | undefined {
  const text = environment['POSTERN_LOG_SQL'] || 'masked';
  return text === 'masked' || text === 'full' ? text : undefined;
}
