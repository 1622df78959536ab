/** What has a semicolon or a keyword without being one: comments, texts, quoted names, bodies of functions. */
const opaque =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\bE'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$((?:[A-Za-z_]\w*)?)\$[\s\S]*?\$\1\$/gi;

/** Statements that end a transaction. (`END` does too, but closes bodies and CASE as well.) */
const ends = /^(?:COMMIT|ABORT|ROLLBACK(?!(?:\s+(?:WORK|TRANSACTION))?\s+TO\b)|PREPARE\s+TRANSACTION)\b/i;

/**
 * The first statement of an SQL migration that would end its transaction, with its line: what comes before it would
 * be kept when what comes after it fails.
 */
export function transactionEnd(sql: string): { readonly word: string; readonly line: number } | undefined {
  const bare = sql.replaceAll(opaque, (text) => text.replaceAll(/[^\n]/g, ' '));
  let offset = 0;
  for (const statement of bare.split(';')) {
    const start = offset + statement.search(/\S|$/);
    const found = ends.exec(bare.slice(start, offset + statement.length));
    if (found) return { word: found[0].toUpperCase(), line: bare.slice(0, start).split('\n').length };
    offset += statement.length + 1;
  }
  return undefined;
}
