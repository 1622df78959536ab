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
  try {
    await session.query(message.map(({ text }) => text).join(message.length > 1 ? separator : ''));
  } catch (error) {
    throw located(error, message);
  }
}

function located(error: unknown, message: readonly Statement[]): SqlFailure {
  let position = Number((error as { position?: unknown } | null)?.position);
  if (Number.isNaN(position)) return new SqlFailure(error, undefined, undefined);
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
