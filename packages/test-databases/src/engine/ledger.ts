import { TestDatabaseError } from '../errors.ts';
import { ledgerStatements, ledgerVersion, readLedgerVersion } from '../server/ledger-schema.ts';
import { lockKey } from '../server/locks.ts';
import { leaseRole, maintenanceDatabase, quoteIdentifier } from '../server/names.ts';
import { type SqlClient, transaction } from '../server/sql-client.ts';
import type { EngineSession, TestDatabasesOptions } from './types.ts';

type Connect = TestDatabasesOptions['connect'];

const oldestServer = 140_000;

/**
 * A session in the maintenance database, which is made if missing, with a ledger of this version in it. Safe for any
 * number of processes at once.
 */
export async function openMaintenance(connect: Connect): Promise<EngineSession> {
  const session = await connectOrCreate(connect);
  try {
    const { rows } = await session.query(
      `SELECT current_setting('server_version_num')::int AS version, rolcreatedb OR rolsuper AS may_create, rolname AS role,
              set_config('default_transaction_isolation', 'read committed', false)
         FROM pg_roles WHERE rolname = current_user`,
    );
    const { version, may_create, role } = rows[0];
    if (version < oldestServer) {
      throw new TestDatabaseError('TESTDB_OPTION_INVALID', 'the server is older than PostgreSQL 14', {
        kind: 'invalid',
        hint: 'Use PostgreSQL 14 or newer.',
      });
    }
    if (!may_create) throw denied(`role "${role}" may not create databases`);
    if ((await readLedgerVersion(session)) < ledgerVersion) await upgrade(session);
    return session;
  } catch (error) {
    await session.end().catch(() => undefined);
    throw (error as { code?: string }).code === '42501' ? foreign(error) : error;
  }
}

async function connectOrCreate(connect: Connect): Promise<EngineSession> {
  try {
    return await connect(maintenanceDatabase);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === '42501') throw foreign(error);
    if (code !== '3D000') throw error;
  }
  const session = await connect();
  try {
    await session.query(`CREATE DATABASE ${quoteIdentifier(maintenanceDatabase)}`);
    await session.query(`REVOKE ALL ON DATABASE ${quoteIdentifier(maintenanceDatabase)} FROM PUBLIC`);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === '42501') throw denied('the role may not create databases', error);
    // Somebody else was faster, perhaps in this very moment.
    if (code !== '42P04' && code !== '23505') throw error;
  } finally {
    await session.end().catch(() => undefined);
  }
  return await connect(maintenanceDatabase);
}

/**
 * Under a lock that is taken before the transaction begins: in a transaction that waited for it, the server would
 * still go by what it remembers of the catalog, e.g. that there is no schema.
 */
async function upgrade(session: SqlClient): Promise<void> {
  const key = lockKey("'ledger'");
  await session.query(`SELECT pg_advisory_lock(${key})`);
  try {
    await transaction(session, async () => {
      const version = await readLedgerVersion(session);
      if (version >= ledgerVersion) return;
      const leasable = await provideLeaseRole(session);
      for (const { sql } of ledgerStatements(version)) {
        if (leasable || !(sql.startsWith('GRANT ') && sql.endsWith(quoteIdentifier(leaseRole)))) {
          await session.query(sql);
        }
      }
    });
  } finally {
    // A broken session has lost its locks already.
    await session.query(`SELECT pg_advisory_unlock(${key})`).catch(() => undefined);
  }
}

/**
 * The ledger has grants for it. Here the user's own role holds the leases; so who cannot create roles goes
 * without.
 */
async function provideLeaseRole(session: SqlClient): Promise<boolean> {
  const { rows } = await session.query(
    `SELECT to_regrole($1) IS NOT NULL AS there, rolcreaterole OR rolsuper AS may_create FROM pg_roles WHERE rolname = current_user`,
    [leaseRole],
  );
  if (!rows[0].there && rows[0].may_create) {
    await session.query(`CREATE ROLE ${quoteIdentifier(leaseRole)} NOLOGIN`);
  }
  return rows[0].there || rows[0].may_create;
}

function foreign(cause: unknown): TestDatabaseError {
  return denied(`the ledger in database "${maintenanceDatabase}" belongs to another role`, cause);
}

function denied(what: string, cause?: unknown): TestDatabaseError {
  return new TestDatabaseError('TESTDB_DENIED', what, {
    kind: 'denied',
    hint: 'Connect as a role with CREATEDB, always the same one on a server; CREATEROLE is not needed.',
    cause,
  });
}
