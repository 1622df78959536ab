import { lockKey } from './locks.ts';
import { leaseRole, quoteIdentifier } from './names.ts';
import type { SqlClient } from './sql-client.ts';

/** The version that {@link ledgerStatements} leads to; kept as the comment of schema `postern`. */
export const ledgerVersion = 2;

interface LedgerStatement {
  readonly sql: string;
  readonly why: string;
}

/**
 * The statements that lead from a version of the ledger (0: none) to {@link ledgerVersion}, to be run in one transaction by
 * the owner of the maintenance database. Functions of earlier versions go on working with what comes out: columns are
 * added, never taken away or given another meaning.
 *
 * A row of `databases` is committed before its CREATE DATABASE and removed after its DROP: what the ledger
 * does not list is not ours. All times are the server's.
 */
export function ledgerStatements(from: number): readonly LedgerStatement[] {
  const steps = [versionOne, versionTwo].slice(from).flat();
  if (steps.length === 0) return [];
  const sql = `COMMENT ON SCHEMA postern IS 'postern ledger ${ledgerVersion}'`;
  return [...steps, { sql, why: 'Marks the version of the ledger.' }];
}

const versionOne: readonly LedgerStatement[] = [
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
    why: 'What the lease role can do: take the lease of a run and write its row.',
  },
  ...callableByLease('register_run(text)'),
  {
    sql: `GRANT USAGE ON SCHEMA postern TO ${quoteIdentifier(leaseRole)}`,
    why: 'The lease role calls the functions in it.',
  },
];

const versionTwo: readonly LedgerStatement[] = [
  {
    sql: 'ALTER TABLE postern.runs ADD COLUMN connections integer NOT NULL DEFAULT 0',
    why: 'How many connections the run has claimed.',
  },
  {
    sql: 'ALTER TABLE postern.templates ADD COLUMN manifest text, ADD COLUMN engine integer, ADD COLUMN server integer',
    why: 'The hash is the key now: of the hash that callers know (manifest), and of engine and server. Earlier rows have none.',
  },
  {
    sql: `ALTER TABLE postern.databases ADD COLUMN owner text, ADD COLUMN source text, ADD COLUMN branch text,
  ADD COLUMN kept_until timestamptz`,
    why: 'Of which branch it is a copy, the hash as which it is itself a branch, its owner until then, and how long it outlives its run.',
  },
  {
    sql: `CREATE FUNCTION postern.claim_connections(run_id text, wanted integer, minimum integer, shards integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $body$
DECLARE reserved integer; capacity integer; mine integer; claimed integer; others integer; free integer; granted integer;
BEGIN
  IF NOT coalesce(minimum BETWEEN 0 AND wanted AND wanted <= 100000 AND shards BETWEEN 1 AND 10000, false) THEN
    RAISE EXCEPTION 'wanted, minimum or shards is out of range' USING ERRCODE = '22023';
  END IF;
  -- One at a time: two that look at the same free connections would both take them.
  PERFORM pg_advisory_xact_lock(${lockKey("'claims'")});
  SELECT r.connections INTO mine FROM postern.runs r WHERE r.run = run_id AND r.closed_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'run % is not open', run_id USING ERRCODE = '55000';
  END IF;
  SELECT coalesce(sum(s.setting::integer), 0) INTO reserved FROM pg_settings s
   WHERE s.name IN ('superuser_reserved_connections', 'reserved_connections', 'rds.rds_superuser_reserved_connections');
  capacity := current_setting('max_connections')::integer - reserved;
  -- A run lives while its lease is held; what has been closed, orphaned or cut off has nothing any more.
  SELECT coalesce(sum(r.connections), 0) INTO claimed FROM postern.runs r
   WHERE r.run <> run_id AND r.closed_at IS NULL AND r.connections > 0 AND EXISTS (
     SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
        AND ((l.classid::bigint << 32) | l.objid::bigint) = ${lockKey("('run:' || r.run)")});
  -- Sessions of test runs are in the claims (on a plain server they log in as anybody, but into databases of ours); those beyond
  -- them are somebody's all the same.
  SELECT count(*) FILTER (WHERE NOT s.ours) + greatest(count(*) FILTER (WHERE s.ours) - claimed - mine, 0) INTO others
    FROM (SELECT starts_with(a.usename, 'pt_') OR starts_with(a.datname, 'pt_') OR a.datname = current_database() AS ours
            FROM pg_stat_activity a
           WHERE a.usename IS NOT NULL AND a.datid IS NOT NULL
             AND coalesce(a.backend_type, 'client backend') = 'client backend') AS s;
  free := greatest(capacity - others - claimed, 0);
  granted := least(wanted, greatest(free / shards, least(minimum, free)));
  IF granted < minimum THEN
    granted := 0;
  END IF;
  UPDATE postern.runs r SET connections = granted WHERE r.run = run_id;
  RETURN jsonb_build_object('limit', capacity, 'reserved', reserved, 'others', others, 'claimed', claimed, 'granted', granted);
END $body$`,
    why: 'Shares the connections of the server among the runs, before the first of them is refused one.',
  },
  ...callableByLease('claim_connections(text, integer, integer, integer)'),
];

function callableByLease(signature: string): LedgerStatement[] {
  return [
    {
      sql: `REVOKE ALL ON FUNCTION postern.${signature} FROM PUBLIC`,
      why: 'Functions are open to everybody by default.',
    },
    {
      sql: `GRANT EXECUTE ON FUNCTION postern.${signature} TO ${quoteIdentifier(leaseRole)}`,
      why: 'The lease role calls the function.',
    },
  ];
}

/** The ledger's version in the session's database; 0 when there is none. */
export async function readLedgerVersion(session: SqlClient): Promise<number> {
  const { rows } = await session.query(
    `SELECT obj_description(to_regnamespace('postern'), 'pg_namespace') AS comment`,
  );
  const match = /^postern ledger (\d+)$/.exec(rows[0]?.comment ?? '');
  return match ? Number(match[1]) : 0;
}
