import type { QueryResult, QueryResultRow } from 'pg';

/**
 * Statements as templates: values become parameters, never text. Gives the rows.
 *
 * ```ts
 * const [article] = await sql<{ name: string }>`SELECT name FROM articles WHERE id = ${1}`;
 * ```
 */
export type Sql = <Row extends QueryResultRow = QueryResultRow>(
  text: TemplateStringsArray,
  ...values: readonly unknown[]
) => Promise<Row[]>;

/** The part of `pg`'s clients and pools that is needed. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<QueryResult>;
}

export function sqlOn(queryable: Queryable): Sql {
  return async <Row extends QueryResultRow>(text: TemplateStringsArray, ...values: readonly unknown[]) => {
    const statement = text.reduce((before, part, index) => `${before}$${index}${part}`);
    const result = await (values.length === 0
      ? queryable.query(statement)
      : queryable.query(statement, [...values]));
    // Of several statements in one text pg gives an array of results: the rows are the last one's.
    const last = Array.isArray(result) ? (result as QueryResult[]).at(-1) : result;
    return (last?.rows ?? []) as Row[];
  };
}
