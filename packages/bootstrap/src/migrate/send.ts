import type { EventEmitter } from 'node:events';
import type { SqlClient } from '@postern/test-databases/server';

/** A piece of a message to the server. */
export interface Statement {
  readonly text: string;
  /** For text of an SQL file: the line of the file that it begins at. */
  readonly firstLine?: number;
}

/** An error of the server with the place in the migration's file. */
export class SqlFailure extends Error {
  readonly error: unknown;
  readonly line: number | undefined;
  /** In the text that was sent, counted from 1. */
  readonly position: number | undefined;

  constructor(error: unknown, line: number | undefined, position: number | undefined) {
    super('SQL failed');
    this.error = error;
    this.line = line;
    this.position = position;
  }
}

/** The server parses a message as a whole, and keeps all of it in memory meanwhile. */
const messageChars = 256 * 1024;

/**
 * Sends statements in as few messages as their size allows: a message is a round trip, which is what a migration over a
 * tunnel costs. They belong into a transaction; without one the server would make each message its own.
 */
export async function send(session: SqlClient, statements: readonly Statement[]): Promise<void> {
  let message: Statement[] = [];
  let size = 0;
  for (const statement of statements) {
    if (size > 0 && size + statement.text.length > messageChars) {
      await sendMessage(session, message);
      message = [];
      size = 0;
    }
    message.push(statement);
    size += statement.text.length;
  }
  if (message.length > 0) await sendMessage(session, message);
}

// On lines of its own: a statement may end in a comment.
const separator = '\n;\n';

async function sendMessage(session: SqlClient, message: readonly Statement[]): Promise<void> {
  using counter = countCompleted(session);
  try {
    await session.query(message.map(({ text }) => text).join(message.length > 1 ? separator : ''));
  } catch (error) {
    throw await located(error, message, counter.completed);
  }
}

/**
 * How many statements of the message the server has done: of most errors it says neither place nor statement. A session
 * that is no pg.Client does not tell.
 */
function countCompleted(session: SqlClient): { completed: number | undefined } & Disposable {
  const { connection } = session as { connection?: Partial<Pick<EventEmitter, 'on' | 'off'>> };
  const known = typeof connection?.on === 'function' && typeof connection.off === 'function';
  const count = (): void => {
    counter.completed = (counter.completed ?? 0) + 1;
  };
  const counter = {
    completed: known ? 0 : undefined,
    [Symbol.dispose]: () => void connection?.off?.('commandComplete', count),
  };
  connection?.on?.('commandComplete', count);
  return counter;
}

async function located(
  error: unknown,
  message: readonly Statement[],
  completed: number | undefined,
): Promise<SqlFailure> {
  let position = Number((error as { position?: unknown } | null)?.position);
  if (Number.isNaN(position)) {
    return new SqlFailure(error, await lineOfStatement(message, completed), undefined);
  }
  for (const { text, firstLine } of message) {
    // The server counts characters, JavaScript UTF-16 units.
    const characters = [...text];
    // What is missing at the end of one is noticed in what separates it from the next.
    if (position > characters.length + separator.length) {
      position -= characters.length + separator.length;
      continue;
    }
    const line =
      firstLine === undefined
        ? undefined
        : firstLine + characters.slice(0, position - 1).filter((character) => character === '\n').length;
    return new SqlFailure(error, line, position);
  }
  return new SqlFailure(error, undefined, undefined);
}

/** The line at which the statement begins that follows on so many. */
async function lineOfStatement(
  message: readonly Statement[],
  completed: number | undefined,
): Promise<number | undefined> {
  if (completed === undefined || message.every(({ firstLine }) => firstLine === undefined)) return undefined;
  const { sqlStatements } = await import('../build/sql-text.ts');
  let before = 0;
  for (const { text, firstLine } of message) {
    const statements = sqlStatements(text);
    const failed = statements[completed - before];
    if (failed !== undefined) return firstLine === undefined ? undefined : firstLine + failed.line - 1;
    before += statements.length;
  }
  return undefined;
}
