import { quoteIdentifier, type SqlClient } from '@postern/test-databases/server';
import { BootstrapError } from '../errors.ts';
import { guardedSql, isUnreadable } from './read-untrusted.ts';
import type { MigrationRun } from './run.ts';

/** The table in which node-pg-migrate's command line records migrations unless it is told otherwise, in a schema of its user's choice. */
const table = 'pgmigrations';

const foundSql = `SELECT n.nspname AS schema FROM pg_catalog.pg_class c
 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = '${table}' AND c.relkind = 'r'
   AND EXISTS (SELECT FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = c.oid AND a.attname = 'name' AND a.atttypid < 16384 AND a.attgenerated = '')
 ORDER BY 1`;

/**
 * Refuses to run migrations that node-pg-migrate's command line has run already, as far as its own books say: with ours still empty
 * all of them would run a second time, on the data that is there.
 */
export async function checkOtherBooks(session: SqlClient, run: MigrationRun): Promise<void> {
  const migrations = run.definition.migrations.map(({ name }) => name);
  for (const { schema } of await last(session, foundSql)) {
    let recorded: Set<string>;
    try {
      // As our own books are read: whoever has made it, nothing of it runs.
      const from = `ONLY ${quoteIdentifier(String(schema))}.${table} TABLESAMPLE pg_catalog.system (100)`;
      recorded = new Set((await last(session, `SELECT name FROM ${from}`)).map(({ name }) => String(name)));
    } catch (error) {
      if (isUnreadable(error)) throw conflict(run, `${schema}.${table}`, undefined, error);
      throw error;
    }
    const already = migrations.findLast((name) => recorded.has(name));
    if (already !== undefined) throw conflict(run, `${schema}.${table}`, already);
  }
}

async function last(session: SqlClient, sql: string): Promise<Record<string, unknown>[]> {
  const results = (await session.query(`${guardedSql}; ${sql}`)) as unknown as {
    rows: Record<string, unknown>[];
  }[];
  return results.at(-1)?.rows ?? [];
}

function conflict(
  { database }: MigrationRun,
  books: string,
  already: string | undefined,
  cause?: unknown,
): BootstrapError {
  return new BootstrapError(
    'BOOTSTRAP_DATABASE_CONFLICT',
    already === undefined
      ? `database "${database}": node-pg-migrate's own books, ${books}, cannot be read by the owner: ${(cause as Error).message}`
      : `database "${database}": migration ${already} was applied by node-pg-migrate's command line already, says ${books}`,
    {
      hint:
        already === undefined
          ? 'Nothing was run, since it may all be applied already. Let the owner read the table (GRANT SELECT), or record what it lists with the action fake.'
          : `Nothing was run. Record what it lists once: fake --database ${database} --to ${already} (POSTERN_ALLOWED_ACTIONS has to name fake for that). Then apply.`,
      details: { database, books, ...(already === undefined ? {} : { migration: already }) },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
