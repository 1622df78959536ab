import type { SqlClient } from '../sql-client.ts';
import { differenceOf } from './fingerprint.ts';
import { quoteBody, resetSchema } from './names.ts';
import { ddlMark, pinned, viewMark } from './reset-function.ts';

/** Marks DDL. What belongs to a temporary table does not count: it goes with its session. */
const watchFunction = `CREATE FUNCTION ${resetSchema}.note_ddl() RETURNS event_trigger LANGUAGE plpgsql ${pinned} AS ${quoteBody(`BEGIN
  IF tg_event = 'sql_drop' THEN
    IF NOT EXISTS (SELECT FROM pg_event_trigger_dropped_objects() o WHERE NOT o.is_temporary) THEN RETURN; END IF;
  ELSIF tg_tag LIKE 'DROP %' AND tg_tag <> 'DROP OWNED' THEN RETURN; -- sql_drop tells what
  ELSIF EXISTS (SELECT FROM pg_event_trigger_ddl_commands()) THEN
    IF NOT EXISTS (SELECT FROM pg_event_trigger_ddl_commands() c
                    WHERE c.schema_name IS DISTINCT FROM 'pg_temp' OR c.classid <> 'pg_class'::regclass) THEN RETURN; END IF;
    -- RESTART leaves the definition as it is.
    IF tg_tag = 'ALTER SEQUENCE' AND NOT EXISTS (
      SELECT FROM pg_event_trigger_ddl_commands() e WHERE e.classid <> 'pg_class'::regclass
          OR ${differenceOf('e.objid')}) THEN RETURN; END IF;
  ELSIF tg_tag LIKE 'CREATE %' THEN RETURN; -- IF NOT EXISTS, and it existed
  END IF;
  INSERT INTO ${resetSchema}.dirty (relid) VALUES (CASE tg_tag WHEN 'REFRESH MATERIALIZED VIEW' THEN ${viewMark} ELSE ${ddlMark} END);
END`)}`;

const triggers = [
  `CREATE EVENT TRIGGER postern_test_ddl ON ddl_command_end EXECUTE FUNCTION ${resetSchema}.note_ddl()`,
  `CREATE EVENT TRIGGER postern_test_drop ON sql_drop EXECUTE FUNCTION ${resetSchema}.note_ddl()`,
  'ALTER EVENT TRIGGER postern_test_ddl ENABLE ALWAYS',
  'ALTER EVENT TRIGGER postern_test_drop ENABLE ALWAYS',
];

/**
 * Watches DDL by event triggers where the master may create them: superusers, and the master of RDS. Called last, within
 * the transaction of the installation. (A savepoint that stayed open would give later rows a younger transaction than the
 * baseline is.)
 */
export async function watchDdl(session: SqlClient): Promise<boolean> {
  await session.query('SAVEPOINT watch');
  try {
    await session.query(watchFunction);
    for (const trigger of triggers) await session.query(trigger);
    await session.query('RELEASE SAVEPOINT watch');
    return true;
  } catch (error) {
    await session.query('ROLLBACK TO SAVEPOINT watch; RELEASE SAVEPOINT watch');
    if ((error as { code?: unknown }).code === '42501') return false;
    throw error;
  }
}

/** Whether the master may switch triggers off, which every reset does. Not before PostgreSQL 15 unless it is a superuser. */
export async function maySwitchTriggersOff(session: SqlClient): Promise<boolean> {
  await session.query('SAVEPOINT switch');
  try {
    await session.query(`SELECT set_config('session_replication_role', 'replica', true)`);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === '42501') return false;
    throw error;
  } finally {
    await session.query('ROLLBACK TO SAVEPOINT switch; RELEASE SAVEPOINT switch');
  }
}
