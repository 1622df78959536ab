import type { PostgresMajor } from './major.ts';

/** The bootstrap superuser, as on RDS. */
export const superuser = 'rdsadmin';

/** Name of the master user unless the caller wants another. */
export const defaultMaster = 'postern_master';

/**
 * Roles and databases of a fresh RDS cluster, as far as stock PostgreSQL can have them. What the master can do
 * with them, and where RDS differs, is in the README, statement by statement. The master has no password yet:
 * prepared data directories are shared by runs, and a password belongs to one run.
 *
 * `pg_read_all_data` and `pg_write_all_data` are left out on purpose: on RDS they exclude `pg_authid`, on a stock
 * server they include it. So the simulated master is stricter than the real one, never looser.
 */
export function rdsRolesSql(master: string, major: PostgresMajor): readonly string[] {
  const name = quoteIdentifier(master);
  return [
    `CREATE ROLE rds_superuser NOLOGIN;
     CREATE ROLE rds_iam NOLOGIN;
     CREATE ROLE rds_password NOLOGIN;
     CREATE ROLE rds_replication NOLOGIN;
     CREATE ROLE rds_ad NOLOGIN;
     CREATE ROLE rds_reserved NOLOGIN NOINHERIT;
     CREATE ROLE rds_extension NOLOGIN NOINHERIT;`,
    ...grantedRoles.map(
      (role) => `DO $$ BEGIN
         IF to_regrole('${role}') IS NOT NULL THEN GRANT ${role} TO rds_superuser WITH ADMIN OPTION; END IF;
       END $$;`,
    ),
    `GRANT SET ON PARAMETER ${masterParameters.join(', ')} TO rds_superuser;`,
    // RDS lets the master grant rds_iam without such a row. It carries ADMIN only, by which the front ignores it.
    // Before 16 CREATEROLE is enough for that, and a membership would be a whole one: the master's lock-out.
    ...(major >= 16 ? ['GRANT rds_iam TO rds_superuser WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;'] : []),
    `CREATE ROLE ${name} LOGIN CREATEDB CREATEROLE VALID UNTIL 'infinity';
     GRANT rds_superuser TO ${name} WITH ADMIN OPTION;
     ALTER DATABASE postgres OWNER TO ${name};
     ALTER DATABASE template1 OWNER TO ${name};`,
    `CREATE DATABASE ${superuser} OWNER ${superuser};`,
    `REVOKE ALL ON DATABASE ${superuser} FROM PUBLIC;`,
  ];
}

/** Predefined roles that RDS hands to `rds_superuser`; those unknown to a server version are skipped. */
const grantedRoles = [
  'pg_checkpoint',
  'pg_create_subscription',
  'pg_maintain',
  'pg_monitor',
  'pg_signal_backend',
  'pg_signal_autovacuum_worker',
  'pg_use_reserved_connections',
  'rds_password',
  'rds_replication',
];

/** Superuser settings that RDS lets its master change; which of the `log_*` ones is our guess. */
const masterParameters = [
  'session_replication_role',
  'log_statement',
  'log_min_duration_statement',
  'log_min_messages',
  'log_min_error_statement',
  'log_duration',
  'log_lock_waits',
  'log_temp_files',
  'log_error_verbosity',
  'log_statement_stats',
  'track_activities',
  'track_counts',
  'track_functions',
  'track_io_timing',
  'deadlock_timeout',
  'temp_file_limit',
];

/** A name as an SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
