import { redact } from '../client/redact.ts';
import type { ErrorResponse } from '../contract/response.ts';

/** In the order in which they shield each other: names in quotes stay, comments go, strings and numbers are masked. */
const lexemes =
  /(?<name>"(?:[^"]|"")*(?:"|$))|(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<text>\b[eE]'(?:[^'\\]|''|\\[\s\S])*(?:'|$)|'(?:[^']|'')*(?:'|$)|(?<tag>\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?(?:\k<tag>|$))|(?<word>[A-Za-z_$][\w$]*)|(?<number>\d[\w.]*)/g;

/** An SQL statement without the values in it: what is left says what was done, and to what. */
export function maskSql(sql: string): string {
  return sql.replaceAll(lexemes, (found, ...rest) => {
    const groups = rest.at(-1) as Record<string, string | undefined>;
    if (groups['comment'] !== undefined) return '';
    if (groups['text'] !== undefined) return `'***'`;
    return groups['number'] === undefined ? found : '0';
  });
}

/** The server quotes values of rows in messages of these classes: data exceptions and what functions raise themselves. */
const tellsValues = /^(22|P0)/;

/**
 * A failure for the log: the details of PostgreSQL quote rows ("Key (email)=(…) already exists"), some of its messages do, and
 * a failed statement has its own values. The caller gets all of it in the answer.
 */
export function maskError(error: ErrorResponse): ErrorResponse {
  const {
    sqlState,
    detail: _detail,
    sql,
    message,
    statements: _statements,
    done: _done,
    ...details
  } = error.details ?? {};
  const told = typeof sqlState === 'string' && tellsValues.test(sqlState) && typeof message === 'string';
  const masked = (text: string): string => {
    const withoutServer = told ? text.replaceAll(message as string, '***') : text;
    return redact(typeof sql === 'string' ? withoutServer.replaceAll(sql, maskSql(sql)) : withoutServer);
  };
  return {
    ...error,
    message: masked(error.message),
    details: {
      ...details,
      ...(sqlState === undefined ? {} : { sqlState }),
      ...(typeof sql === 'string' ? { sql: maskSql(sql) } : {}),
      ...(message === undefined || told ? {} : { message }),
    },
  };
}
