export { quoteLiteral } from '../names.ts';

/** What resets need in a database: functions and marks. Closed to everybody but the callers of a reset. */
export const resetSchema = 'postern_test';

/** Copies of the rows that a template starts with. Owners of tables may read it, and nothing else. */
export const seedSchema = 'postern_seed';

/** Relations of users: what PostgreSQL brings along, temporary tables and ours are none. */
export const userSchemas: string = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', '${resetSchema}', '${seedSchema}')
  AND n.nspname !~ '^pg_(toast_)?temp_'`;

/** The body of a function in dollar quotes that do not occur in it. */
export function quoteBody(body: string): string {
  let tag = '$body$';
  for (let n = 1; body.includes(tag); n++) tag = `$body${n}$`;
  return `${tag}${body}${tag}`;
}
