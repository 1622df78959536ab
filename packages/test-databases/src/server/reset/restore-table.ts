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
  return table.columns.filter(({ generated }) => !generated).map(({ name }) => quoteIdentifier(name));
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
    const missing = `(SELECT count(*) FROM ONLY ${name}) < ${rows}`;
    const insert = `INSERT INTO ${name} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM ${seedOf(table)} s`;
    if (table.key.length > 0) {
      const same = table.key
        .map(({ name: key, operator }) => `x.${quoteIdentifier(key)} ${operator} s.${quoteIdentifier(key)}`)
        .join(' AND ');
      lines.push(
        `IF ${missing} THEN ${insert} WHERE NOT EXISTS (SELECT FROM ONLY ${name} x WHERE ${same}); END IF;`,
      );
    } else lines.push(`IF ${missing} THEN DELETE FROM ONLY ${name}; ${insert}; END IF;`);
  }
  if (table.forcesRls) lines.push(`ALTER TABLE ONLY ${name} FORCE ROW LEVEL SECURITY;`);
  return `BEGIN\n  ${lines.join('\n  ')}\nEND`;
}
