import { resetSchema } from './names.ts';
import { firstUserOid } from './objects.ts';

/**
 * Catalogs of user objects by the column whose range tells them from built-in ones. Left out is what never changes without one of
 * these (pg_range, pg_partitioned_table, …), and what only superusers make outside extensions: where tests are superusers there is an
 * event trigger.
 */
const ranged: readonly (readonly [catalog: string, column: string])[] = [
  ['pg_attribute', 'attrelid'],
  ['pg_attrdef', 'oid'],
  ['pg_constraint', 'oid'],
  ['pg_index', 'indexrelid'],
  ['pg_trigger', 'oid'],
  ['pg_rewrite', 'oid'],
  ['pg_policy', 'oid'],
  ['pg_proc', 'oid'],
  ['pg_type', 'oid'],
  ['pg_enum', 'oid'],
  ['pg_description', 'objoid'],
  ['pg_inherits', 'inhrelid'],
  ['pg_statistic_ext', 'oid'],
  ['pg_collation', 'oid'],
  ['pg_conversion', 'oid'],
  ['pg_operator', 'oid'],
  ['pg_cast', 'oid'],
  ['pg_ts_config', 'oid'],
  ['pg_ts_config_map', 'mapcfg'],
  ['pg_ts_dict', 'oid'],
];

/** Catalogs that are empty or tiny, or whose built-in rows users may change. */
const whole: readonly (readonly [catalog: string, condition?: string])[] = [
  ['pg_namespace', `nspname !~ '^pg_(toast_)?temp_'`],
  ['pg_description', `objoid = to_regnamespace('public')`],
  ['pg_depend', `refclassid = 'pg_extension'::regclass`],
  ['pg_default_acl'],
  ['pg_extension'],
  ['pg_language'],
  ['pg_foreign_data_wrapper'],
  ['pg_foreign_server'],
  ['pg_publication'],
  ['pg_publication_rel'],
  ['pg_publication_namespace'],
  ['pg_seclabel'],
];

/** `server_version_num` of the first server that has the catalog. */
const since = { pg_publication_namespace: 150000 } as Readonly<Record<string, number>>;

/**
 * The body of the function that looks for traces of DDL without an event trigger: rows of the catalogs that are younger
 * than the age `newer`, and how many rows there are in all, which tells of deleted ones.
 *
 * `soft` rows are those of catalogs that TRUNCATE and RESTART touch as well; what they say has to be compared.
 */
export function fingerprintBody(version: number): string {
  const branches = [
    `SELECT count(*) AS n, 0::int8 AS hard, count(*) FILTER (WHERE age(xmin) < newer) AS soft
      FROM pg_class WHERE oid >= ${firstUserOid} AND relpersistence <> 't'`,
    'SELECT count(*), 0::int8, count(*) FILTER (WHERE age(xmin) < newer) FROM pg_sequence',
    ...ranged.map(
      ([catalog, column]) =>
        `SELECT count(*), count(*) FILTER (WHERE age(xmin) < newer), 0::int8 FROM ${catalog} WHERE ${column} >= ${firstUserOid}`,
    ),
    ...whole
      .filter(([catalog]) => version >= (since[catalog] ?? 0))
      .map(
        ([catalog, condition]) =>
          `SELECT count(*), count(*) FILTER (WHERE age(xmin) < newer), 0::int8 FROM ${catalog}${condition ? ` WHERE ${condition}` : ''}`,
      ),
  ];
  return `BEGIN
  SELECT sum(f.n), sum(f.hard), sum(f.soft) INTO total, hard, soft FROM (
    ${branches.join('\n    UNION ALL ')}) f;
END`;
}

/**
 * How many objects there are. A superuser can switch event triggers off since PostgreSQL 17: what is made or dropped meanwhile is noticed,
 * what is altered is not.
 */
export const objectCountSql: string = `(SELECT count(*) FROM pg_class WHERE oid >= ${firstUserOid} AND relpersistence <> 't')
    ${['pg_attribute', 'pg_constraint', 'pg_index', 'pg_trigger', 'pg_policy', 'pg_proc', 'pg_type']
      .map((catalog) => ranged.find(([name]) => name === catalog))
      .map((found) => `+ (SELECT count(*) FROM ${found?.[0]} WHERE ${found?.[1]} >= ${firstUserOid})`)
      .join('\n    ')}`;

/** All event triggers, in one text. Neither event triggers nor rows tell of a change of theirs. */
export const eventTriggersSql: string = `(SELECT coalesce(string_agg(concat_ws(' ', e.oid, e.evtname, e.evtevent, e.evtowner, e.evtfoid, e.evtenabled,
      e.evttags), E'\\n' ORDER BY e.oid), '') FROM pg_event_trigger e)`;

/** What DDL may change in a row of pg_class, as opposed to TRUNCATE, VACUUM, ANALYZE and what PostgreSQL notes lazily. */
const classHash = `md5((to_jsonb(c) - ARRAY['relfilenode', 'relpages', 'reltuples', 'relallvisible', 'relallfrozen',
  'relfrozenxid', 'relminmxid', 'relhasindex', 'relhasrules', 'relhastriggers', 'relhassubclass'])::text)::uuid`;

/** A sequence's definition with its owning column, which is kept elsewhere. */
const sequenceHash = `md5((to_jsonb(s) || jsonb_build_object('owned', ARRAY(
  SELECT d.refobjid::text || '.' || d.refobjsubid || d.deptype::text FROM pg_depend d
   WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype IN ('a', 'i')
   ORDER BY 1)))::text)::uuid`;

/** Fills the table of what `soft` rows said in the template. */
export const rememberSql: string = `INSERT INTO ${resetSchema}.catalog
  SELECT c.oid, false, ${classHash} FROM pg_class c WHERE c.oid >= ${firstUserOid} AND c.relpersistence <> 't'
  UNION ALL SELECT s.seqrelid, true, ${sequenceHash} FROM pg_sequence s`;

/** Whether the sequence or table of this identifier is not what it was in the template. */
export function differenceOf(oid: string): string {
  return `NOT EXISTS (SELECT FROM pg_class c JOIN ${resetSchema}.catalog k ON k.oid = c.oid AND NOT k.is_sequence AND k.hash = ${classHash}
      WHERE c.oid = ${oid})
    OR EXISTS (SELECT FROM pg_sequence s WHERE s.seqrelid = ${oid} AND NOT EXISTS (
      SELECT FROM ${resetSchema}.catalog k WHERE k.oid = s.seqrelid AND k.is_sequence AND k.hash = ${sequenceHash}))`;
}

/** How many of the younger `soft` rows say something else than in the template. */
export const differencesSql: string = `SELECT count(*) FROM (
    SELECT c.oid, false AS is_sequence, ${classHash} AS hash FROM pg_class c
     WHERE c.oid >= ${firstUserOid} AND c.relpersistence <> 't' AND age(c.xmin) < newer
    UNION ALL
    SELECT s.seqrelid, true, ${sequenceHash} FROM pg_sequence s WHERE age(s.xmin) < newer
  ) now
  WHERE NOT EXISTS (SELECT FROM ${resetSchema}.catalog k
                     WHERE k.oid = now.oid AND k.is_sequence = now.is_sequence AND k.hash = now.hash)`;

/** What `soft` rows say, where there is no event trigger. */
export const catalogTableSql: string = `CREATE TABLE ${resetSchema}.catalog (oid oid NOT NULL, is_sequence bool NOT NULL, hash uuid NOT NULL)`;
