import { quoteIdentifier } from '../names.ts';
import { seedSchema } from './names.ts';
import type { UserTable } from './objects.ts';

/** A table with more than that is written anew instead of being searched row by row. */
const grownBytes = 64 * 8192;

export function qualified(table: { readonly schema: string; readonly name: string }): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}

/** The copy of the rows that a table has in the template. */
export function seedOf(table: UserTable): string {
  return `${seedSchema}.s${table.oid}`;
}

/** The columns that can be given a value. */
export function insertable(table: UserTable): string[] {
  return given(table).map(({ name }) => quoteIdentifier(name));
}

function given(table: UserTable): UserTable['columns'] {
  return table.columns.filter(({ generated }) => !generated);
}

/** How a value of the table is written into the copy. NULL is told from a row of NULLs. */
export function copiedColumns(table: UserTable): string[] {
  return given(table).map(({ name, type, carrier }) => {
    const column = quoteIdentifier(name);
    return carrier === type
      ? column
      : `CASE WHEN ${column} IS DISTINCT FROM NULL THEN format('%s', ${column}) END`;
  });
}

/** The definition of the copy's columns; undefined when there can be no copy. */
export function carriedColumns(table: UserTable): string[] | undefined {
  const columns = given(table);
  if (columns.length === 0 || columns.some(({ carrier }) => carrier === null)) return undefined;
  return columns.map(({ name, carrier }) => `${quoteIdentifier(name)} ${carrier}`);
}

/** What decides how values are written as text and read again. */
export const textSettings: readonly string[] = [
  `datestyle = 'ISO, YMD'`,
  'intervalstyle = postgres',
  'extra_float_digits = 1',
  'bytea_output = hex',
  `lc_monetary = 'C'`,
  'xmloption = content',
];

/** Settings of the function that restores a table. */
export function restoreSettings(table: UserTable): readonly string[] {
  return given(table).some(({ carrier, type }) => carrier !== type) ? textSettings : [];
}

/** A column of the copy `s`, as what it is in the table. */
function restored(table: UserTable, name: string): string {
  const column = table.columns.find((one) => one.name === name);
  const copy = `s.${quoteIdentifier(name)}`;
  return column === undefined || column.carrier === column.type ? copy : `CAST(${copy} AS ${column.type})`;
}

/**
 * The body of the function that gives a table the rows of the template back. It runs as the owner, in a session where
 * triggers, foreign keys and rules rest. `newer`: a row whose `xmin` is younger than this age is not the template's.
 */
export function restoreBody(table: UserTable, rows: number): string {
  const name = qualified(table);
  const grown = `pg_relation_size(${table.oid}::oid::regclass) > ${Math.max(grownBytes, 4 * table.bytes)}`;
  const lines = [`LOCK TABLE ONLY ${name} IN SHARE ROW EXCLUSIVE MODE;`];
  if (table.forcesRls) lines.push(`ALTER TABLE ONLY ${name} NO FORCE ROW LEVEL SECURITY;`);
  const columns = insertable(table).join(', ');
  const some = rows === 0 ? '' : ' WHERE age(xmin) < newer';
  if (table.referenced) lines.push(`DELETE FROM ONLY ${name}${some};`);
  else lines.push(`IF ${grown} THEN TRUNCATE ONLY ${name}; ELSE DELETE FROM ONLY ${name}${some}; END IF;`);
  if (rows > 0) {
    const values = given(table)
      .map(({ name: column }) => restored(table, column))
      .join(', ');
    const missing = `(SELECT count(*) FROM ONLY ${name}) < ${rows}`;
    const insert = `INSERT INTO ${name} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM ${seedOf(table)} s`;
    if (table.key.length > 0) {
      const same = table.key
        .map(({ name: key, operator }) => `x.${quoteIdentifier(key)} ${operator} ${restored(table, key)}`)
        .join(' AND ');
      lines.push(
        `IF ${missing} THEN ${insert} WHERE NOT EXISTS (SELECT FROM ONLY ${name} x WHERE ${same}); END IF;`,
      );
    } else lines.push(`IF ${missing} THEN DELETE FROM ONLY ${name}; ${insert}; END IF;`);
  }
  if (table.forcesRls) lines.push(`ALTER TABLE ONLY ${name} FORCE ROW LEVEL SECURITY;`);
  return `BEGIN\n  ${lines.join('\n  ')}\nEND`;
}
