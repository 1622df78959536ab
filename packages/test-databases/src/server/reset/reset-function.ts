import { differencesSql, eventTriggersSql, objectCountSql } from './fingerprint.ts';
import { quoteBody, quoteLiteral, resetSchema } from './names.ts';
import type { Outsider } from './outsiders.ts';
import type { Obstacle } from './reasons.ts';

/** What the reset of a template has to know; all of it is written into the text of the function. */
export interface ResetPlan {
  readonly ddl: 'event-trigger' | 'fingerprint';
  readonly obstacle: Obstacle | undefined;
  /** What `ALTER DATABASE … SET` said, hashed. */
  readonly settings: string;
  /** Tables that lose their rows in a crash without a mark: looked at every time. */
  readonly always: readonly string[];
  readonly hasSequences: boolean;
  readonly watchesViews: boolean;
  /** Whether somebody could switch the event triggers off. */
  readonly countsObjects: boolean;
  readonly outsiders: readonly Outsider[];
}

const path = 'pg_catalog, pg_temp';

/** Nobody else could have made or changed the functions: what they are called with comes from their owner. */
export const pinned: string = `SECURITY DEFINER SET search_path = ${path} SET row_security = off`;

/**
 * Follows every call into a function of the owner, before anything else is parsed. SET without LOCAL in code of the owner outlives the
 * inner function, and becomes the path of the outer one (CREATE FUNCTION, notes on SET): our operators and functions would
 * then be theirs, and run as the master. The error undoes the change in the session, too.
 */
const pinnedAgain = `found_path := pg_catalog.current_setting('search_path');
    PERFORM pg_catalog.set_config('search_path', '${path}', true);
    IF found_path <> '${path}' THEN
      RAISE EXCEPTION 'code of the database changed search_path for others' USING ERRCODE = '42501';
    END IF;`;

/** Marks that stand for no table. */
export const ddlMark = 0;
export const viewMark = 1;

/** Marks beyond that are thrown away with their file, as nobody vacuums a test database. */
const bulkyMarksBytes = 2 ** 20;

/** A query has 1,664 columns at most. */
const callsAtOnce = 1000;

/** More than the age of an oldest row may be, by far less than where PostgreSQL's 32 bits wrap around. */
const oldestXids = 2 ** 30;

/** How long sessions may take to end. */
const endingMs = 5_000;

/** SQL of the hash over `ALTER DATABASE … SET` of this database. */
export const settingsHash = `(SELECT coalesce(md5(string_agg(r.setrole || ':' || array_to_string(r.setconfig, E'\\n'), E'\\n' ORDER BY r.setrole)), '')
   FROM pg_db_role_setting r WHERE r.setdatabase = here)`;

/** The database as a whole: a row that all databases share, and copies do not take along. */
const databaseSql = `(SELECT concat_ws(' ', d.oid, d.datdba, d.datacl, d.datconnlimit, d.datallowconn, d.datistemplate)
    FROM pg_database d WHERE d.datname = current_database())`;

const strangers = `SELECT a.pid, a.usesysid, a.application_name, a.state, coalesce(a.backend_type, 'client backend') AS kind
    FROM pg_stat_get_activity(NULL) a
   WHERE a.datid = here AND a.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL AND a.leader_pid IS NULL
     AND coalesce(a.backend_type, '') <> 'walsender'
     AND NOT (a.pid = ANY (kept) AND coalesce(a.state, '') = 'idle')`;

const discard = (reason: string, detail: string): string =>
  `RETURN jsonb_build_object('status', 'discard', 'reason', '${reason}', 'detail', ${detail}, 'ended', ended);`;

/**
 * The function that callers call. It belongs to the master and looks at catalogs, sessions and its own tables only; rows of
 * users are touched by functions that belong to their owner.
 */
export function resetFunction(plan: ResetPlan): string {
  const parts = plan.obstacle
    ? [obstacle(plan.obstacle)]
    : [
        replication,
        properties,
        warm(plan),
        sessions,
        leftovers(plan),
        age,
        ddl(plan),
        outsiders(plan),
        restore(plan),
        finish,
      ];
  return `CREATE FUNCTION ${resetSchema}.reset_database(keep pg_catalog.int4[]) RETURNS pg_catalog.jsonb
LANGUAGE plpgsql VOLATILE ${pinned} SET jit = off SET lock_timeout = '5s' SET plan_cache_mode = force_generic_plan AS ${quoteBody(`DECLARE
  here CONSTANT oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
  kept int[] := keep;
  ended jsonb := '[]';
  xid xid8;
  newer int;
  distance int8; known int8;
  gone int[] := '{}';
  stranger record;
  found_new bool; bulky bool; refreshed bool;
  found_path text;
  deadline timestamptz;
  total int8; hard int8; soft int8;
  itself text; before text; guards text; changed text;
  touched oid[]; leaves oid[]; lost oid; moved int[];
  n int;
BEGIN
  -- A snapshot that is older than what other sessions committed last would not see their marks.
  IF current_setting('transaction_isolation') <> 'read committed' OR current_setting('transaction_read_only') <> 'off' THEN
    RETURN jsonb_build_object('status', 'isolation');
  END IF;
${parts.join('\n')}
END`)}`;
}

function obstacle({ reason, detail }: Obstacle): string {
  return `  ${discard(reason, quoteLiteral(detail))}`;
}

/** Remembered at the first call in a copy, as a rule before anybody uses it. */
const properties = `  itself := ${databaseSql};
  SELECT s.database, s.event_triggers INTO before, guards FROM ${resetSchema}.state s;
  IF before IS NULL OR split_part(before, ' ', 1) <> here::text THEN
    before := CASE WHEN EXISTS (SELECT FROM pg_database d WHERE d.oid = here AND (d.datconnlimit <> -1 OR d.datistemplate OR NOT d.datallowconn))
                THEN here || ' ' ELSE itself END;
    UPDATE ${resetSchema}.state SET database = before;
  END IF;`;

/** Without an argument it plans what takes long to plan, for a session that was opened ahead. */
function warm({ ddl: how, hasSequences }: ResetPlan): string {
  const calls = [
    ...(how === 'fingerprint' ? [`PERFORM ${resetSchema}.fingerprint(0);`] : []),
    ...(hasSequences ? [`PERFORM ${resetSchema}.changed_sequences(); ${pinnedAgain}`] : []),
  ];
  return `  IF keep IS NULL THEN
    ${calls.join(' ')}
    RETURN jsonb_build_object('status', 'warm');
  END IF;`;
}

const sessions = `  -- Taken before anything else: whoever writes from here on has a younger one, and what has an older one is over soon.
  xid := pg_current_xact_id();
  IF cardinality(kept) > 0 THEN
    -- An idle session that holds a lock has it for the session: not clean.
    kept := ARRAY(SELECT k FROM unnest(kept) k WHERE NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = k AND l.locktype = 'advisory'));
  END IF;
  LOOP
    found_new := false;
    FOR stranger IN ${strangers} LOOP
      found_new := true;
      CONTINUE WHEN stranger.pid = ANY (gone);
      ended := ended || jsonb_build_object('pid', stranger.pid, 'applicationName', coalesce(stranger.application_name, ''),
        'user', coalesce(pg_get_userbyid(stranger.usesysid), ''), 'state', coalesce(stranger.state, 'unknown'),
        'advisoryLocks', (SELECT count(*) FROM pg_locks l WHERE l.pid = stranger.pid AND l.locktype = 'advisory' AND l.granted));
      gone := gone || stranger.pid;
      IF stranger.kind <> 'client backend' THEN
        ${discard('sessions', `format('a %s works in the database', stranger.kind)`)}
      END IF;
      BEGIN
        PERFORM pg_terminate_backend(stranger.pid);
      EXCEPTION WHEN insufficient_privilege THEN
        ${discard('sessions', `format('session %s of %s cannot be ended by the master', stranger.pid, pg_get_userbyid(stranger.usesysid))`)}
      END;
    END LOOP;
    EXIT WHEN NOT found_new;
    deadline := coalesce(deadline, clock_timestamp() + interval '${endingMs} milliseconds');
    IF clock_timestamp() > deadline THEN
      ${discard('sessions', `'a session did not end in time, or new ones keep coming'`)}
    END IF;
    PERFORM pg_sleep(0.002), pg_stat_clear_snapshot();
  END LOOP;`;

function leftovers({ settings }: ResetPlan): string {
  return `  IF current_setting('max_prepared_transactions')::int > 0 AND EXISTS (SELECT FROM pg_prepared_xact() p WHERE p.dbid = here) THEN
    ${discard('prepared-transactions', `'a prepared transaction is waiting'`)}
  END IF;
  IF EXISTS (SELECT FROM pg_get_replication_slots() r WHERE r.datoid = here) OR EXISTS (SELECT FROM pg_subscription u WHERE u.subdbid = here) THEN
    ${discard('ddl', `'a replication slot or a subscription was made'`)}
  END IF;
  IF EXISTS (SELECT FROM pg_largeobject_metadata) THEN
    ${discard('large-objects', `'large objects were made'`)}
  END IF;
  IF EXISTS (SELECT FROM pg_namespace t WHERE t.nspname ^@ 'pg_temp_')
    AND EXISTS (SELECT FROM pg_class c WHERE c.relpersistence = 't') THEN
    ${discard('temporary-objects', `'a session that stays has temporary tables'`)}
  END IF;
  IF ${settingsHash} <> ${quoteLiteral(settings)}
    OR EXISTS (SELECT FROM pg_shdescription s WHERE s.objoid = here AND s.classoid = 'pg_database'::regclass) THEN
    ${discard('ddl', `'settings or comment of the database are not the template''s'`)}
  END IF;
  IF itself <> before THEN
    ${discard('ddl', `'owner, rights or limits of the database were changed'`)}
  END IF;
  IF guards IS DISTINCT FROM ${eventTriggersSql} THEN
    ${discard('ddl', `'event triggers were changed'`)}
  END IF;`;
}

/** Changing the setting makes the session forget its plans, so it stays, except in a session of the master that was not made for resets. */
const replication = `  IF current_setting('session_replication_role') <> 'replica' THEN
    PERFORM set_config('session_replication_role', 'replica', session_user = current_user AND keep IS NOT NULL);
  END IF;`;

const age = `  SELECT xid::text::int8 - s.baseline::text::int8, s.catalog_rows INTO distance, known FROM ${resetSchema}.state s;
  IF distance IS NULL OR distance NOT BETWEEN 0 AND ${oldestXids} THEN
    ${discard('old-template', `format('%s transactions lie between the template and now', distance)`)}
  END IF;
  newer := distance;`;

function ddl({ ddl: how, watchesViews, countsObjects }: ResetPlan): string {
  if (how === 'event-trigger') {
    return `  IF EXISTS (SELECT FROM ${resetSchema}.dirty d WHERE d.relid = ${viewMark}) THEN
    ${discard('materialised-view', `'a materialised view was refreshed'`)}
  ELSIF EXISTS (SELECT FROM ${resetSchema}.dirty d WHERE d.relid = ${ddlMark}) THEN
    ${discard('ddl', `'objects were created, changed or dropped'`)}
  END IF;${
    countsObjects
      ? `
  IF ${objectCountSql} <> known THEN
    ${discard('ddl', `'objects were created or dropped while event triggers were switched off'`)}
  END IF;`
      : ''
  }`;
  }
  // A plain refresh leaves traces as DDL does. The view itself may be gone.
  const refreshed = `
    BEGIN
      refreshed := ${resetSchema}.views_changed(newer);
      ${pinnedAgain}
      IF refreshed THEN
        ${discard('materialised-view', `'a materialised view was refreshed'`)}
      END IF;
    EXCEPTION WHEN others THEN NULL;
    END;`;
  const views = `
  refreshed := ${resetSchema}.views_changed(newer);
    ${pinnedAgain}
  IF refreshed THEN
    ${discard('materialised-view', `'a materialised view was refreshed'`)}
  END IF;`;
  return `  SELECT f.total, f.hard, f.soft INTO total, hard, soft FROM ${resetSchema}.fingerprint(newer) f;
  IF total <> known OR hard > 0 THEN${watchesViews ? refreshed : ''}
    ${discard('ddl', `format('objects were created, changed or dropped (%s rows of the catalogs)', greatest(hard, abs(total - known)))`)}
  END IF;
  IF soft > 0 AND (${differencesSql}) > 0 THEN
    ${discard('ddl', `'tables or sequences were changed'`)}
  END IF;${watchesViews ? views : ''}`;
}

/** Not the owner's, and so not put back. */
function outsiders({ outsiders: all }: ResetPlan): string {
  if (all.length === 0) return '';
  const cases = all.map(({ name, changed }) => `WHEN ${changed} THEN ${quoteLiteral(name)}`);
  return `  changed := CASE ${cases.join('\n    ')} END;
  IF changed IS NOT NULL THEN
    ${discard('big-seed', `format('%s was changed, and a reset does not put it back: it is not the owner''s', changed)`)}
  END IF;`;
}

function restore({ always, hasSequences }: ResetPlan): string {
  const extra = always.length === 0 ? '' : ` || ARRAY[${always.join(', ')}]::oid[]`;
  const unmarked = always.length === 0 ? '' : ` OR m.marked IN (${always.join(', ')})`;
  return `  touched := ARRAY(SELECT DISTINCT d.relid FROM ${resetSchema}.dirty d);
  SELECT coalesce(array_agg(DISTINCT m.leaf) FILTER (WHERE m.leaf <> 0), '{}'), min(m.leaf) FILTER (WHERE m.big) INTO leaves, lost
    FROM ${resetSchema}.members m WHERE m.marked = ANY (touched)${unmarked};
  IF lost IS NOT NULL THEN
    ${discard('big-seed', `format('%s was changed, and a reset does not put its rows back', lost::regclass)`)}
  END IF;
  IF EXISTS (SELECT FROM unnest(touched) u WHERE NOT EXISTS (SELECT FROM ${resetSchema}.members m WHERE m.marked = u)) THEN
    ${discard('ddl', `'a table was changed that the template does not know'`)}
  END IF;
  touched := touched || leaves${extra};
  FOR n IN 1..cardinality(leaves) BY ${callsAtOnce} LOOP
    EXECUTE (SELECT 'SELECT ' || string_agg('${resetSchema}.restore_' || t || '($1)', ', ') FROM unnest(leaves[n:n + ${callsAtOnce - 1}]) t) USING newer;
    ${pinnedAgain}
  END LOOP;${
    hasSequences
      ? `
  moved := ${resetSchema}.changed_sequences();
    ${pinnedAgain}
  FOREACH n IN ARRAY moved LOOP
    PERFORM ${resetSchema}.restore_sequence(n);
    ${pinnedAgain}
  END LOOP;`
      : ''
  }`;
}

/**
 * Code of the owner ran. What it may have left to run at the end of the transaction would run as the caller: deferred triggers
 * (those that replication switches off were not even queued) and cursors that outlive it.
 */
const finish = `  IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgenabled IN ('A', 'R') AND t.tgdeferrable)
    OR EXISTS (SELECT FROM pg_cursors c WHERE c.is_holdable) THEN
    RAISE EXCEPTION 'code of the database wants to run after the reset' USING ERRCODE = '42501';
  END IF;
  IF pg_relation_size('${resetSchema}.dirty') > ${bulkyMarksBytes} THEN
    LOCK TABLE ${resetSchema}.dirty;
    bulky := true;
  ELSE
    DELETE FROM ${resetSchema}.dirty d WHERE d.relid = ANY (touched) OR (d.relid = ${ddlMark} AND d.xmin = xid::xid);
  END IF;
  IF EXISTS (SELECT FROM ${resetSchema}.dirty d WHERE bulky IS NULL OR NOT (d.relid = ANY (touched) OR (d.relid = ${ddlMark} AND d.xmin = xid::xid))) THEN
    ${discard('sessions', `'somebody wrote while the database was reset'`)}
  END IF;
  IF bulky THEN
    TRUNCATE ${resetSchema}.dirty;
  END IF;
  UPDATE ${resetSchema}.state SET baseline = xid;
  -- The next user is told that the database is clean: a crash must not make it what it was.
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  RETURN jsonb_build_object('status', 'reset', 'tables', cardinality(leaves), 'sequences', coalesce(cardinality(moved), 0), 'ended', ended);`;
