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

/** What the server says to a syntax error, without the token that it quotes: perhaps a value, or all that follows an open quote. */
function maskSyntax(message: string): string {
  // In languages other than English the quotes are others.
  return message.replace(/["'„“”«»‹›‘’「」『』].*$/su, '"***"');
}

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
  const shown = maskedMessage(sqlState, message);
  const masked = (text: string): string => {
    const withoutServer =
      typeof message === 'string' && message !== '' ? text.replaceAll(message, () => shown ?? '***') : text;
    return redact(
      typeof sql === 'string' && sql !== ''
        ? withoutServer.replaceAll(sql, () => maskSql(sql))
        : withoutServer,
    );
  };
  return {
    ...error,
    message: masked(error.message),
    details: {
      ...details,
      ...(sqlState === undefined ? {} : { sqlState }),
      ...(typeof sql === 'string' ? { sql: maskSql(sql) } : {}),
      ...(shown === undefined ? {} : { message: shown }),
    },
  };
}

/** What may be shown of the server's own words; undefined when it is nothing. */
function maskedMessage(sqlState: unknown, message: unknown): string | undefined {
  if (typeof message !== 'string') return undefined;
  if (typeof sqlState !== 'string') return message;
  if (tellsValues.test(sqlState)) return undefined;
  return sqlState === '42601' ? maskSyntax(message) : message;
}
