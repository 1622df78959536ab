import { declinesTransaction, splitSql } from '../migrate/loader.ts';
import { type SqlStatement, sqlStatements, transactionEnd } from './sql-text.ts';

const anyMark = /^[ \t]*--[ \t]*postern:.*$/im;

/** Statements that PostgreSQL refuses in a transaction block. */
const outside = [
  /^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b/i,
  /^DROP\s+INDEX\s+CONCURRENTLY\b/i,
  /^REINDEX\b[\s\S]*?\bCONCURRENTLY\b/i,
  /^ALTER\s+TABLE\b[\s\S]*?\bDETACH\s+PARTITION\b[\s\S]*?\bCONCURRENTLY\b/i,
  /^VACUUM\b/i,
  /^(?:CREATE|DROP)\s+(?:DATABASE|TABLESPACE)\b/i,
  /^ALTER\s+SYSTEM\b/i,
];

/** What is to be run at once. */
interface SqlPart {
  /** What to do with a statement that needs to be outside of a transaction. */
  readonly instead: string;
  readonly transaction: boolean;
  /** The line of the file that it begins with. Default 1. */
  readonly firstLine?: number;
}

/** Decodes an SQL file, with line ends as Git keeps them: the same file on every machine. */
export function decodeSql(contents: Uint8Array): { readonly text: string; readonly problem?: string } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(contents);
  } catch {
    return { text: '', problem: 'is not UTF-8; save it as UTF-8 without byte order mark' };
  }
  if (text.startsWith('\uFEFF')) {
    return {
      text: '',
      problem: 'begins with a byte order mark, a syntax error for PostgreSQL; save it without',
    };
  }
  if (text.includes('\0')) return { text: '', problem: 'has a NUL character, which no SQL text can have' };
  return { text: text.replaceAll('\r\n', '\n') };
}

/** What would go wrong with an SQL migration in the function. `mark`: whether it may decline its transaction. */
export function migrationProblems(
  path: string,
  sql: string,
  { instead, mark }: { readonly instead: string; readonly mark: boolean },
): string[] {
  const problems: string[] = [];
  if (/^\s*--[\s-]*down\s+migration/im.test(sql) && !/^\s*--[\s-]*up\s+migration/im.test(sql)) {
    problems.push(
      `${path}: has "-- Down Migration" but no "-- Up Migration": all of it, the down part too, would run as up`,
    );
  }
  const { up, down } = splitSql(sql);
  let declined = false;
  for (const { text, start } of down === undefined ? [up] : [up, down]) {
    const declines = mark && (declinesTransaction(sql) || declinesTransaction(text));
    declined ||= declines;
    const firstLine = sql.slice(0, start).split('\n').length;
    problems.push(...sqlProblems(path, text, { instead, transaction: !declines, firstLine }));
  }
  const found = anyMark.exec(sql);
  if (found && !declined) {
    const line = sql.slice(0, found.index).split('\n').length;
    problems.push(
      `${path}:${line}: "${found[0].trim().slice(0, 60)}" means nothing here: ${mark ? 'the line "-- postern: no-transaction" belongs before the first statement' : instead}`,
    );
  }
  return problems;
}

/** What would go wrong with an SQL text in the function. */
export function sqlProblems(path: string, sql: string, part: SqlPart): string[] {
  const { instead, transaction, firstLine = 1 } = part;
  const statements = sqlStatements(sql);
  const at = (line: number): string => `${path}:${line + firstLine - 1}`;
  const foreign = foreignProblem(statements);
  // What follows is data or commands of another program, not SQL.
  if (foreign) return [`${at(foreign.line)}: ${foreign.problem}`];
  const problems: string[] = [];
  if (!transaction && statements.length !== 1) {
    problems.push(
      `${path}: without a transaction there must be exactly one statement, so that an error leaves nothing half done; there are ${statements.length}`,
    );
  }
  const end = transactionEnd(statements);
  if (end) {
    problems.push(
      `${at(end.line)}: "${end.words}" ends the transaction, so that a later error would leave half of the file: remove it, or ${instead}`,
    );
  }
  const lone = !transaction
    ? undefined
    : statements.find(({ text }) => outside.some((pattern) => pattern.test(text)));
  if (lone) {
    const words = lone.text.split(/\s+/).slice(0, 3).join(' ').toUpperCase();
    problems.push(`${at(lone.line)}: PostgreSQL refuses "${words} …" in a transaction: ${instead}`);
  }
  return problems;
}

function foreignProblem(
  statements: readonly SqlStatement[],
): { readonly line: number; readonly problem: string } | undefined {
  for (const { text, line } of statements) {
    const command = /^\\\S*/m.exec(text);
    if (command) {
      return {
        line: line + text.slice(0, command.index).split('\n').length - 1,
        problem: `"${command[0].slice(0, 40)}" is a command of psql; only SQL runs here`,
      };
    }
    if (/^COPY\b[\s\S]*\bFROM\s+STDIN\b/i.test(text)) {
      return {
        line,
        problem: 'COPY … FROM stdin needs psql to send the data; use INSERT (pg_dump --inserts writes it)',
      };
    }
  }
  return undefined;
}
