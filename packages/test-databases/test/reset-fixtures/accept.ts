import type pg from 'pg';
import { eventTriggersSql, objectCountSql, rememberSql } from '../../src/server/reset/fingerprint.ts';
import type { By } from './cluster.ts';

/**
 * Makes what a database is now what its resets compare with, so that a test of the next change does not need a new one. What
 * `installReset` does last, without reading the tables anew: rows that were changed do not come back after it.
 */
export async function accept(superuser: pg.Client, by: By, major: number): Promise<void> {
  const counted = major >= 17 ? objectCountSql : '0';
  const rows = by === 'master' ? '(SELECT f.total FROM postern_test.fingerprint(0) f)' : counted;
  await superuser.query(`BEGIN; DELETE FROM postern_test.catalog; ${rememberSql};
    UPDATE postern_test.state SET baseline = pg_current_xact_id(), catalog_rows = ${rows}, event_triggers = ${eventTriggersSql}, database = NULL;
    DELETE FROM postern_test.dirty; COMMIT`);
}
