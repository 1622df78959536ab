import { Cursor, HclSyntaxError } from './cursor.ts';
import { expression } from './expressions.ts';
import { quoted, template } from './strings.ts';
import type { Attribute, Block, Body, Label, TemplatePart } from './syntax.ts';

export interface HclFile {
  /** As messages name it. */
  path: string;
  text: string;
  body: Body;
}

export interface Position {
  line: number;
  column: number;
}

export function parseHcl(path: string, text: string): HclFile {
  const cursor = new Cursor(text);
  const body = parseBody(cursor, false);
  return { path, text, body };
}

/** The parts of a `.tftpl` file. */
export function parseTemplate(text: string): TemplatePart[] {
  return template(new Cursor(text), expression);
}

/** Counted from 1, as editors do. */
export function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}

function parseBody(cursor: Cursor, inBlock: boolean): Body {
  const at = cursor.at;
  const attributes = new Map<string, Attribute>();
  const blocks: Block[] = [];
  for (;;) {
    cursor.skipLines();
    if (cursor.done) {
      if (inBlock) throw cursor.wrong('a block without end', at);
      return { at, attributes, blocks };
    }
    if (inBlock && cursor.take('}')) return { at, attributes, blocks };
    const start = cursor.at;
    const name = cursor.identifier();
    if (name === undefined) {
      throw cursor.wrong(`an argument or a block is expected, not ${cursor.describe()}`);
    }
    cursor.skip();
    if (cursor.looksAt('=') && !cursor.looksAt('==')) {
      cursor.at++;
      if (attributes.has(name)) throw new HclSyntaxError(start, `"${name}" is given twice`);
      attributes.set(name, { name, at: start, value: expression(cursor) });
    } else blocks.push(parseBlock(cursor, name, start));
    cursor.skip();
    if (!cursor.done && !cursor.looksAt('\n') && !(inBlock && cursor.looksAt('}'))) {
      throw cursor.wrong(`a new line is expected, not ${cursor.describe()}`);
    }
  }
}

function parseBlock(cursor: Cursor, type: string, at: number): Block {
  const labels: Label[] = [];
  for (;;) {
    cursor.skip();
    const labelAt = cursor.at;
    if (cursor.take('{'))
      return { type, at, labels, body: cursor.withNewlines(true, () => parseBody(cursor, true)) };
    if (cursor.looksAt('"')) {
      const [part, ...more] = quoted(cursor, expression);
      if (more.length > 0 || (part !== undefined && part.kind !== 'text')) {
        throw cursor.wrong('a label must be a plain string', labelAt);
      }
      labels.push({ text: part?.text ?? '', at: labelAt, quoted: true });
    } else {
      const text = cursor.identifier();
      if (text === undefined) throw cursor.wrong(`"{" is expected, not ${cursor.describe()}`);
      labels.push({ text, at: labelAt, quoted: false });
    }
  }
}
