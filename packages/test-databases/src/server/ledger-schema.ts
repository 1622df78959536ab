import { lockKey } from './locks.ts';
import { leaseRole, quoteIdentifier } from './names.ts';
import type { SqlClient } from './sql-client.ts';

/** The version that {@link ledgerStatements} leads to; kept as the comment of schema `postern`. */
export const ledgerVersion = 1;

const marker = `postern ledger ${ledgerVersion}`;

/**
 * The ledger, to be run once, in one transaction, by the owner of the maintenance database.
 *
 * A row of `databases` is committed before its CREATE DATABASE and removed after its DROP: what the ledger
 * does not list is not ours. All times are the server's.
 */
export const ledgerStatements: readonly { readonly sql: string; readonly why: string }[] = [
  { sql: 'CREATE SCHEMA postern', why: 'The ledger of test databases has a schema of its own.' },
  {
    sql: `CREATE TABLE postern.runs (
  run text PRIMARY KEY CHECK (run ~ '^[a-z0-9]{8,20}$'),
  opened_by text NOT NULL DEFAULT session_user,
  opened_at timestamptz NOT NULL DEFAULT now(),
  orphaned_at timestamptz,
  closed_at timestamptz
)`,
    why: 'A run is alive while its lease lock is held; orphaned_at is the first step of sweeping.',
  },
  {
    sql: `CREATE TABLE postern.templates (
  hash text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
  name text NOT NULL UNIQUE,
  database text NOT NULL,
  owner text NOT NULL,
  state text NOT NULL CHECK (state IN ('building', 'ready')),
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz NOT NULL DEFAULT now()
)`,
    why: 'A template is keyed by the hash of declaration and migrations.',
  },
  {
    sql: `CREATE TABLE postern.databases (
  name text PRIMARY KEY,
  run text NOT NULL REFERENCES postern.runs,
  hash text NOT NULL,
  database text NOT NULL,
  n integer NOT NULL,
  state text NOT NULL CHECK (state IN ('creating', 'ready')),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (run, hash, n)
)`,
    why: 'Every test database has a row here before it exists.',
  },
  {
    sql: `CREATE FUNCTION postern.register_run(run_id text) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $body$
DECLARE opened timestamptz; closed timestamptz;
BEGIN
  IF run_id !~ '^[a-z0-9]{8,20}$' THEN
    RAISE EXCEPTION 'not a run id' USING ERRCODE = '22023';
  END IF;
  -- A sweeper takes the lock for a moment to see whether it is free; whoever holds it for longer is an owner (55P03).
  PERFORM pg_advisory_lock(${lockKey("('run:' || run_id)")});
  INSERT INTO postern.runs AS r (run) VALUES (run_id)
    ON CONFLICT (run) DO UPDATE SET orphaned_at = NULL, opened_by = session_user
    RETURNING r.opened_at, r.closed_at INTO opened, closed;
  IF closed IS NOT NULL THEN
    PERFORM pg_advisory_unlock(${lockKey("('run:' || run_id)")});
    RAISE EXCEPTION 'run % was closed at %', run_id, closed USING ERRCODE = '55000';
  END IF;
  RETURN opened;
END $body$`,
    why: 'The only thing the lease role can do: take the lease of a run and write its row.',
  },
  {
    sql: 'REVOKE ALL ON FUNCTION postern.register_run(text) FROM PUBLIC',
    why: 'Functions are open to everybody by default.',
  },
  {
    sql: `GRANT USAGE ON SCHEMA postern TO ${quoteIdentifier(leaseRole)}`,
    why: 'The lease role calls the function.',
  },
  {
    sql: `GRANT EXECUTE ON FUNCTION postern.register_run(text) TO ${quoteIdentifier(leaseRole)}`,
    why: 'The lease role calls the function.',
  },
  { sql: `COMMENT ON SCHEMA postern IS '${marker}'`, why: 'Marks the version of the ledger.' },
];

/** The ledger's version in the session's database; 0 when there is none. */
export async function readLedgerVersion(session: SqlClient): Promise<number> {
  const { rows } = await session.query(
    `SELECT obj_description(to_regnamespace('postern'), 'pg_namespace') AS comment`,
  );
  const match = /^postern ledger (\d+)$/.exec(rows[0]?.comment ?? '');
  return match ? Number(match[1]) : 0;
}
