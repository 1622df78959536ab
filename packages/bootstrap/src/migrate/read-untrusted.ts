import type { SqlClient } from '@postern/test-databases/server';
import { checksumsTable, migrationsTable } from '../contract/manifest.ts';

export interface AppliedMigration {
  readonly name: string;
  readonly at: string;
  /** Missing for one that was applied before checksums were kept. */
  readonly sha256?: string;
}

const { schema } = migrationsTable;

/** For the rest of the transaction, also the implicit one of a message: names are PostgreSQL's own, no policy runs, time is not short. */
export const guardedSql =
  'SET LOCAL statement_timeout = 0; SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off';

/**
 * Reads the books without running anything of theirs. Whoever owns them may have made them anything, and the session is the master's or can
 * become it again. So: TABLESAMPLE takes tables only (a view would call its functions with the reader's rights), ONLY leaves out children (a
 * foreign table), and there is neither a cast nor an operator nor a function that a type of theirs could bring along; what a type writes itself
 * with is C of PostgreSQL or of an extension. After {@link guardedSql}.
 */
export const booksSql: Readonly<Record<'migrations' | 'checksums', string>> = {
  migrations: sampled(migrationsTable.name, 'id, name, run_on'),
  checksums: sampled(checksumsTable.name, 'name, sha256'),
};

function sampled(name: string, columns: string): string {
  return `SELECT ${columns} FROM ONLY ${schema}.${name} TABLESAMPLE pg_catalog.system (100)`;
}

/** Books as we make them: plain tables, of PostgreSQL's own types (their OIDs end at 16383), without policies. */
const foundSql = `SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = '${schema}' AND c.relname IN ('${migrationsTable.name}', '${checksumsTable.name}')
   AND c.relkind = 'r' AND NOT c.relrowsecurity
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND (a.atttypid >= 16384 OR a.attgenerated <> ''))`;

/** What the database says was applied, oldest first. Books that do not bear a reading as {@link booksSql} count as empty. */
export async function readApplied(session: SqlClient): Promise<AppliedMigration[]> {
  const found = new Set((await readLast(session, foundSql, 1)).flat().map(({ relname }) => relname));
  if (!found.has(migrationsTable.name)) return [];
  const summed = found.has(checksumsTable.name);
  const reading = summed ? `${booksSql.migrations}; ${booksSql.checksums}` : booksSql.migrations;
  try {
    const [migrations, checksums] = await readLast(session, reading, summed ? 2 : 1);
    return toApplied(migrations, checksums);
  } catch (error) {
    if (isUnreadable(error)) return [];
    throw error;
  }
}

/** No such column, no table, not ours to read. */
export function isUnreadable(error: unknown): boolean {
  return /^(42|0A)/.test((error as { code?: string }).code ?? '');
}

type Rows = Awaited<ReturnType<SqlClient['query']>>['rows'];

/** The rows of the last statements of one message. */
async function readLast(session: SqlClient, sql: string, count: number): Promise<Rows[]> {
  const results = (await session.query(`${guardedSql}; ${sql}`)) as unknown as { rows: Rows }[];
  return results.slice(-count).map(({ rows }) => rows);
}

/** In the order of the numbers: times may repeat themselves, and jump with the session's time zone. */
export function toApplied(migrations: Rows = [], checksums: Rows = []): AppliedMigration[] {
  const sums = new Map(checksums.map(({ name, sha256 }) => [String(name), String(sha256)]));
  return [...migrations]
    .sort((a, b) => Number(a.id) - Number(b.id))
    .map((row) => {
      const name = String(row.name);
      const sha256 = sums.get(name);
      return { name, at: timeOf(row.run_on), ...(sha256 === undefined ? {} : { sha256 }) };
    });
}

/** The time as the server wrote it, without a zone: pg takes it for one of this process's. */
function timeOf(value: unknown): string {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) return String(value);
  const two = (part: number): string => String(part).padStart(2, '0');
  const day = `${value.getFullYear()}-${two(value.getMonth() + 1)}-${two(value.getDate())}`;
  return `${day}T${two(value.getHours())}:${two(value.getMinutes())}:${two(value.getSeconds())}`;
}
