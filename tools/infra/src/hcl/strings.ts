import type { Cursor } from './cursor.ts';
import { loopNames } from './loops.ts';
import type { Expression, TemplatePart } from './syntax.ts';

type Parse = (cursor: Cursor) => Expression;

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };
const directive = /%\{~?\s*(if|else|endif|for|endfor)\b/y;

export function quoted(cursor: Cursor, parse: Parse): TemplatePart[] {
  const start = cursor.at;
  cursor.at++;
  const parts = new Parts();
  for (;;) {
    const char = cursor.text[cursor.at];
    if (char === undefined || char === '\n') throw cursor.wrong('a string without end', start);
    if (char === '"') {
      cursor.at++;
      return parts.list;
    }
    if (char === '\\') {
      parts.text(escaped(cursor), cursor.at);
    } else if (!marked(cursor, parse, parts)) {
      parts.text(char, cursor.at);
      cursor.at++;
    }
  }
}

export function heredoc(cursor: Cursor, parse: Parse): TemplatePart[] {
  const opening = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;
  opening.lastIndex = cursor.at;
  const found = opening.exec(cursor.text);
  if (found === null) throw cursor.wrong('a name is expected after "<<"');
  const start = cursor.at;
  cursor.at += found[0].length;
  const closing = new RegExp(`^[ \\t]*${found[1]}[ \\t]*\\r?$`, 'gm');
  closing.lastIndex = cursor.at;
  const end = closing.exec(cursor.text);
  if (end === null) throw cursor.wrong(`a heredoc without end: ${found[1]}`, start);
  const parts = new Parts();
  while (cursor.at < end.index) {
    if (marked(cursor, parse, parts)) continue;
    parts.text(cursor.text[cursor.at] ?? '', cursor.at);
    cursor.at++;
  }
  cursor.at = end.index + end[0].trimEnd().length;
  return parts.list;
}

/** A whole file as a template, as `templatefile` reads it. */
export function template(cursor: Cursor, parse: Parse): TemplatePart[] {
  const parts = new Parts();
  while (!cursor.done) {
    if (marked(cursor, parse, parts)) continue;
    parts.text(cursor.text[cursor.at] ?? '', cursor.at);
    cursor.at++;
  }
  return parts.list;
}

/** Reads `${…}`, `%{…}` and their escapes; false where there is none. */
function marked(cursor: Cursor, parse: Parse, parts: Parts): boolean {
  const at = cursor.at;
  for (const mark of ['$${', '%%{']) {
    if (cursor.looksAt(mark)) {
      parts.text(mark.slice(1), at);
      cursor.at += mark.length;
      return true;
    }
  }
  if (cursor.looksAt('${')) {
    cursor.at += cursor.looksAt('${~') ? 3 : 2;
    const value = cursor.withNewlines(false, () => {
      const inner = parse(cursor);
      cursor.take('~');
      cursor.expect('}');
      return inner;
    });
    parts.list.push({ kind: 'interpolation', value, at });
    return true;
  }
  directive.lastIndex = at;
  const found = directive.exec(cursor.text);
  if (found === null) {
    if (cursor.looksAt('%{')) throw cursor.wrong('an unknown directive after "%{"');
    return false;
  }
  cursor.at += found[0].length;
  const keyword = found[1] as Extract<TemplatePart, { kind: 'directive' }>['keyword'];
  cursor.withNewlines(false, () => {
    const names = keyword === 'for' ? loopNames(cursor) : [];
    if (names === undefined) throw cursor.wrong('"for" needs names and "in"');
    const value = keyword === 'if' || keyword === 'for' ? parse(cursor) : undefined;
    cursor.take('~');
    cursor.expect('}');
    parts.list.push({ kind: 'directive', keyword, names, ...(value === undefined ? {} : { value }), at });
  });
  return true;
}

function escaped(cursor: Cursor): string {
  const char = cursor.text[cursor.at + 1] ?? '';
  const length = char === 'u' ? 4 : char === 'U' ? 8 : 0;
  if (length > 0) {
    const code = cursor.text.slice(cursor.at + 2, cursor.at + 2 + length);
    cursor.at += 2 + length;
    return String.fromCodePoint(Number.parseInt(code, 16));
  }
  const plain = escapes[char];
  if (plain === undefined) throw cursor.wrong(`an unknown escape: \\${char}`);
  cursor.at += 2;
  return plain;
}

class Parts {
  readonly list: TemplatePart[] = [];

  text(text: string, at: number): void {
    const last = this.list.at(-1);
    if (last?.kind === 'text') last.text += text;
    else this.list.push({ kind: 'text', text, at });
  }
}
