/** A statement of an SQL text, without what has a semicolon or a keyword without being one. */
export interface SqlStatement {
  /** Comments, texts, quoted names and bodies of functions are blanks. */
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

const wordBefore = /[\w$\u0080-\uffff]/;
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/** Statements that end a transaction; a function's body keeps its own `END`. */
const ends = /^(?:COMMIT|END|ABORT|ROLLBACK(?!(?:\s+(?:WORK|TRANSACTION))?\s+TO\b)|PREPARE\s+TRANSACTION)\b/i;

/** The first of the statements that ends the transaction it is in: its words and where it begins. */
export function transactionEnd(
  statements: readonly SqlStatement[],
): { readonly words: string; readonly line: number } | undefined {
  for (const { text, line } of statements) {
    const found = ends.exec(text);
    if (found) return { words: found[0].toUpperCase().replaceAll(/\s+/g, ' '), line };
  }
  return undefined;
}

/** Takes an SQL text apart by PostgreSQL's lexical rules (documentation, 4.1). It is read, never changed. */
export function sqlStatements(sql: string): SqlStatement[] {
  const bare = withoutOpaque(sql);
  const statements: SqlStatement[] = [];
  let start = 0;
  let line = 1;
  let depth = 0;
  const close = (end: number): void => {
    const piece = bare.slice(start, end);
    const text = piece.trim();
    if (text) statements.push({ text, line: line + linesIn(piece.slice(0, piece.indexOf(text))) });
    line += linesIn(piece);
    start = end + 1;
  };
  for (let at = 0; at < bare.length; at++) {
    const character = bare[at];
    if (character === '(') depth++;
    else if (character === ')') depth = Math.max(0, depth - 1);
    else if (character === ';' && depth === 0 && !insideAtomic(bare.slice(start, at))) close(at);
  }
  close(bare.length);
  return statements;
}

function linesIn(text: string): number {
  return text.split('\n').length - 1;
}

/** `BEGIN ATOMIC … END`: the body of a function in standard SQL, with semicolons of its own. */
function insideAtomic(piece: string): boolean {
  if (!/\bBEGIN\s+ATOMIC\b/i.test(piece)) return false;
  return !/(?:;|\bATOMIC)\s*END\s*$/i.test(piece);
}

function withoutOpaque(sql: string): string {
  let bare = '';
  for (let at = 0; at < sql.length; ) {
    const end = opaqueEnd(sql, at);
    bare += end > at ? sql.slice(at, end).replaceAll(/[^\n]/g, ' ') : sql[at];
    at = Math.max(end, at + 1);
  }
  return bare;
}

/** Where the opaque thing that begins here ends: at the end of the text, when nothing terminates it. `at` if nothing begins. */
function opaqueEnd(sql: string, at: number): number {
  const character = sql[at];
  if (character === '/' && sql[at + 1] === '*') return commentEnd(sql, at);
  if (character === '-' && sql[at + 1] === '-') return lineEnd(sql, at);
  if (character === '"') return quoteEnd(sql, at, false);
  // `a$b$` is a name, `E'\\''` a text that knows backslashes.
  if (character === "'") return quoteEnd(sql, at, /(?:^|[^\w$])e$/i.test(sql.slice(Math.max(0, at - 2), at)));
  if (character !== '$' || (at > 0 && wordBefore.test(sql[at - 1] as string))) return at;
  dollarTag.lastIndex = at;
  const tag = dollarTag.exec(sql)?.[0];
  if (tag === undefined) return at;
  const close = sql.indexOf(tag, at + tag.length);
  return close < 0 ? sql.length : close + tag.length;
}

/** To PostgreSQL a carriage return alone ends a line, too. */
function lineEnd(sql: string, at: number): number {
  const end = /[\n\r]/g;
  end.lastIndex = at;
  return end.exec(sql)?.index ?? sql.length;
}

/** Step by step: an expression for all of it would need a stack as deep as the text is long. */
function quoteEnd(sql: string, at: number, escapes: boolean): number {
  const quote = sql[at] as string;
  const next = escapes ? /['\\]/g : undefined;
  for (let from = at + 1; ; ) {
    let found = sql.indexOf(quote, from);
    if (next) {
      next.lastIndex = from;
      found = next.exec(sql)?.index ?? -1;
    }
    if (found < 0) return sql.length;
    if (sql[found] === quote && sql[found + 1] !== quote) return found + 1;
    // A doubled quote, or a backslash with what it escapes.
    from = found + 2;
  }
}

/** Comments in C style nest. */
function commentEnd(sql: string, at: number): number {
  let depth = 0;
  const marks = /\/\*|\*\//g;
  marks.lastIndex = at;
  for (let mark = marks.exec(sql); mark; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return sql.length;
}
