import { quoteIdentifier } from '../names.ts';
import type { SqlClient } from '../sql-client.ts';
import { quoteBody, resetSchema, seedSchema } from './names.ts';
import type { UserSequence, UserTable } from './objects.ts';
import { pinned } from './reset-function.ts';
import {
  carriedColumns,
  copiedColumns,
  insertable,
  qualified,
  restoreBody,
  restoreSettings,
  seedOf,
} from './restore-table.ts';
import { changedBody, readSequencesSql, restoreSequenceBody, type SequenceState } from './sequences.ts';

/** What a table may hold and still be copied. */
const bigSeedBytes = 64 * 2 ** 20;

/**
 * The marks. A plain logged table without any constraint: writers do not wait for each other, nobody reads it, and a crash
 * keeps what it keeps of the rows.
 */
export const tablesSql: string = `CREATE TABLE ${resetSchema}.dirty (relid oid NOT NULL);
CREATE TABLE ${resetSchema}.state (baseline xid8 NOT NULL, catalog_rows int8 NOT NULL, event_triggers text NOT NULL, database text);
-- For publications of all tables.
ALTER TABLE ${resetSchema}.dirty REPLICA IDENTITY FULL;
ALTER TABLE ${resetSchema}.state REPLICA IDENTITY FULL;
CREATE TABLE ${resetSchema}.members (marked oid NOT NULL, leaf oid NOT NULL, big bool NOT NULL);
CREATE FUNCTION ${resetSchema}.mark() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$BEGIN
  INSERT INTO ${resetSchema}.dirty (relid) VALUES (tg_relid);
  RETURN NULL;
END$body$`;

/** Also where a session has switched triggers off: fixtures are often loaded so. */
export function markSql(table: UserTable): string {
  const name = qualified(table);
  return `CREATE TRIGGER postern_test_mark AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${name}
  FOR EACH STATEMENT EXECUTE FUNCTION ${resetSchema}.mark();
ALTER TABLE ONLY ${name} ENABLE ALWAYS TRIGGER postern_test_mark`;
}

/** SQL of a function that runs as the owner. The owner cannot change it: it has no right on the schema. */
export function ownersFunction(
  owner: string,
  head: {
    readonly name: string;
    readonly parameter?: string;
    readonly type?: string;
    readonly returns: string;
    /** What the function sets beside its path. */
    readonly settings?: readonly string[];
  },
  body: string,
): string {
  const { name, parameter = '', type = '', returns, settings = [] } = head;
  const signature = `${resetSchema}.${name}(${type})`;
  return `CREATE FUNCTION ${resetSchema}.${name}(${parameter} ${type}) RETURNS ${returns}
LANGUAGE plpgsql ${[pinned, ...settings].join(' SET ')} AS ${quoteBody(body)};
REVOKE ALL ON FUNCTION ${signature} FROM PUBLIC;
ALTER FUNCTION ${signature} OWNER TO ${quoteIdentifier(owner)}`;
}

/** Runs statements as the owner and returns how many rows each had. For the time of the installation. */
export const asOwnerBody = `DECLARE each text; n int8; counts int8[] := '{}';
BEGIN
  FOREACH each IN ARRAY statements LOOP
    EXECUTE each;
    GET DIAGNOSTICS n = ROW_COUNT;
    counts := counts || n;
  END LOOP;
  RETURN counts;
END`;

async function asOwner(session: SqlClient, statements: readonly string[]): Promise<number[]> {
  const { rows } = await session.query(`SELECT to_jsonb(${resetSchema}.as_owner($1)) AS counts`, [
    [...statements],
  ]);
  // None of this runs code of the owner. If it did, what follows would be looked up by our path all the same.
  await session.query('SET LOCAL search_path = pg_catalog, pg_temp');
  return rows[0].counts;
}

/** A table with the number of rows that a reset gives back; undefined when there are too many. */
export interface SeededTable {
  readonly table: UserTable;
  readonly rows: number | undefined;
}

/** Counts the rows of the owner's tables. */
export async function countSeeds(
  session: SqlClient,
  tables: readonly UserTable[],
  bigSeedRows: number,
): Promise<SeededTable[]> {
  const counts = await asOwner(
    session,
    tables.map((table) => `SELECT FROM ONLY ${qualified(table)} LIMIT ${bigSeedRows + 1}`),
  );
  return tables.map((table, index) => {
    const rows = counts[index] ?? 0;
    const big = rows > bigSeedRows || table.bytes > bigSeedBytes;
    return { table, rows: rows > 0 && (big || carriedColumns(table) === undefined) ? undefined : rows };
  });
}

/** Copies what the tables hold. The copies belong to the master; the owner can read them. */
export async function copySeeds(
  session: SqlClient,
  seeded: readonly SeededTable[],
  owner: string,
): Promise<void> {
  const tables = seeded.filter(({ rows }) => rows !== undefined && rows > 0).map(({ table }) => table);
  if (tables.length === 0) return;
  const create = tables.map((table) => {
    return `CREATE TABLE ${seedOf(table)} (${carriedColumns(table)?.join(', ')})`;
  });
  const role = quoteIdentifier(owner);
  const all = `ALL TABLES IN SCHEMA ${seedSchema}`;
  await session.query(`${create.join(';\n')}; GRANT SELECT, INSERT ON ${all} TO ${role}`);
  await asOwner(
    session,
    tables.map((table) => {
      const columns = insertable(table).join(', ');
      return `INSERT INTO ${seedOf(table)} (${columns}) SELECT ${copiedColumns(table).join(', ')} FROM ONLY ${qualified(table)}`;
    }),
  );
  await session.query(`REVOKE INSERT ON ${all} FROM ${role}`);
}

/** The functions that give tables their rows back, and which tables a mark stands for. */
export function restoreFunctions(seeded: readonly SeededTable[], owner: string): string[] {
  return seeded.flatMap(({ table, rows }) =>
    rows === undefined
      ? []
      : [
          ownersFunction(
            owner,
            {
              name: `restore_${table.oid}`,
              parameter: 'newer',
              type: 'int',
              returns: 'void',
              settings: restoreSettings(table),
            },
            restoreBody(table, rows),
          ),
        ],
  );
}

export async function sequenceFunctions(
  session: SqlClient,
  sequences: readonly UserSequence[],
  owner: string,
): Promise<string[]> {
  if (sequences.length === 0) return [];
  const { rows } = await session.query(readSequencesSql(sequences));
  const states: SequenceState[] = sequences.map((sequence) => {
    const row = rows.find(({ oid }) => oid === sequence.oid);
    return { ...sequence, lastValue: row.value, called: row.called };
  });
  return [
    ownersFunction(owner, { name: 'changed_sequences', returns: 'int[]' }, changedBody(states)),
    ownersFunction(
      owner,
      { name: 'restore_sequence', parameter: 'n', type: 'int', returns: 'void' },
      restoreSequenceBody(states),
    ),
  ];
}

/** The function that tells whether a materialised view was refreshed, in one way or the other. */
export function viewsFunction(views: readonly SeededTable[], owner: string): string {
  const changed = views.map(({ table, rows }) => {
    const name = qualified(table);
    return `(SELECT count(*) <> ${rows} OR count(*) FILTER (WHERE age(xmin) < newer) > 0 FROM ${name})`;
  });
  return ownersFunction(
    owner,
    { name: 'views_changed', parameter: 'newer', type: 'int', returns: 'bool' },
    `BEGIN\n  RETURN ${changed.join('\n    OR ')};\nEND`,
  );
}

/** Whose rows may change when a table is marked. */
export function membersSql(seeded: readonly SeededTable[], marked: readonly UserTable[]): string {
  const big = new Set(seeded.filter(({ rows }) => rows === undefined).map(({ table }) => table.oid));
  const own = new Set(seeded.map(({ table }) => table.oid));
  // A partitioned table without partitions stands for nothing, but it is known.
  const rows = marked.flatMap(({ oid, family }) =>
    (family.length > 0 ? family : ['0']).map(
      (leaf) => `(${oid}, ${leaf}, ${leaf !== '0' && (!own.has(leaf) || big.has(leaf))})`,
    ),
  );
  return rows.length === 0 ? 'SELECT' : `INSERT INTO ${resetSchema}.members VALUES ${rows.join(', ')}`;
}

export function lockSql(tables: readonly UserTable[]): string {
  if (tables.length === 0) return 'SELECT';
  return `LOCK TABLE ${tables.map((table) => `ONLY ${qualified(table)}`).join(', ')} IN SHARE ROW EXCLUSIVE MODE`;
}
