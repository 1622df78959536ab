/** A statement of an SQL text, without what has a semicolon or a keyword without being one. */
export interface SqlStatement {
  /** Comments, texts, quoted names and bodies of functions are blanks. */
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

/** What is opaque, by the character that it begins with. Unterminated ones go on to the end of the text. */
const opaque: Readonly<Record<string, RegExp>> = {
  '-': /--[^\n]*/y,
  "'": /'[^']*(?:''[^']*)*(?:'|$)/y,
  '"': /"[^"]*(?:""[^"]*)*(?:"|$)/y,
  $: /\$((?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?)\$[\s\S]*?(?:\$\1\$|$(?![\s\S]))/y,
};
const escapeText = /'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*(?:'|$)/y;
const wordBefore = /[\w$\u0080-\uffff]/;

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

function opaqueEnd(sql: string, at: number): number {
  const character = sql[at] as string;
  if (character === '/' && sql[at + 1] === '*') return commentEnd(sql, at);
  // `a$b$` is a name, `E'\''` a text that knows backslashes.
  if (character === '$' && at > 0 && wordBefore.test(sql[at - 1] as string)) return at;
  const escapes = character === "'" && /(?:^|[^\w$])e$/i.test(sql.slice(Math.max(0, at - 2), at));
  const pattern = escapes ? escapeText : Object.hasOwn(opaque, character) ? opaque[character] : undefined;
  if (pattern === undefined) return at;
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : at;
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
