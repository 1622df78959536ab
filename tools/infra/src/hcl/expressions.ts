import type { Cursor } from './cursor.ts';
import { loopNames } from './loops.ts';
import { heredoc, quoted } from './strings.ts';
import type { Expression, ObjectItem, Step } from './syntax.ts';

const precedence: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const number = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

export function expression(cursor: Cursor): Expression {
  const condition = binary(cursor, 0);
  if (!cursor.take('?')) return condition;
  const yes = expression(cursor);
  cursor.expect(':');
  return { kind: 'conditional', at: condition.at, condition, yes, no: expression(cursor) };
}

function binary(cursor: Cursor, level: number): Expression {
  const operators = precedence[level];
  if (operators === undefined) return unary(cursor);
  let left = binary(cursor, level + 1);
  for (;;) {
    cursor.skip();
    const operator = operators.find((text) => cursor.looksAt(text));
    if (operator === undefined || cursor.looksAt('=>')) return left;
    cursor.at += operator.length;
    left = { kind: 'binary', at: left.at, operator, left, right: binary(cursor, level + 1) };
  }
}

function unary(cursor: Cursor): Expression {
  cursor.skip();
  const at = cursor.at;
  for (const operator of ['!', '-'] as const) {
    if (cursor.take(operator)) return { kind: 'unary', at, operator, of: unary(cursor) };
  }
  const on = primary(cursor);
  const steps = stepsAfter(cursor);
  return steps.length === 0 ? on : { kind: 'traversal', at: on.at, on, steps };
}

function stepsAfter(cursor: Cursor): Step[] {
  const steps: Step[] = [];
  for (;;) {
    cursor.skip();
    const at = cursor.at;
    if (cursor.looksAt('...')) return steps;
    if (cursor.take('.')) {
      if (cursor.take('*')) {
        steps.push({ kind: 'splat', at });
        continue;
      }
      const index = numberAt(cursor);
      if (index !== undefined) {
        steps.push({ kind: 'key', at, key: { kind: 'literal', at, value: index } });
        continue;
      }
      const name = cursor.identifier();
      if (name === undefined) throw cursor.wrong(`a name is expected after ".", not ${cursor.describe()}`);
      steps.push({ kind: 'name', name, at });
    } else if (cursor.take('[')) {
      cursor.withNewlines(false, () => {
        if (cursor.take('*')) steps.push({ kind: 'splat', at });
        else steps.push({ kind: 'key', at, key: expression(cursor) });
        cursor.expect(']');
      });
    } else return steps;
  }
}

function numberAt(cursor: Cursor): number | undefined {
  number.lastIndex = cursor.at;
  const found = number.exec(cursor.text);
  if (found === null) return undefined;
  cursor.at += found[0].length;
  return Number(found[0]);
}

function primary(cursor: Cursor): Expression {
  cursor.skip();
  const at = cursor.at;
  if (cursor.looksAt('"')) return { kind: 'template', at, parts: quoted(cursor, expression), heredoc: false };
  if (cursor.looksAt('<<'))
    return { kind: 'template', at, parts: heredoc(cursor, expression), heredoc: true };
  const value = numberAt(cursor);
  if (value !== undefined) return { kind: 'literal', at, value };
  if (cursor.take('(')) {
    const of = cursor.withNewlines(false, () => expression(cursor));
    cursor.withNewlines(false, () => cursor.expect(')'));
    return { kind: 'parentheses', at, of };
  }
  if (cursor.take('[')) return cursor.withNewlines(false, () => tuple(cursor, at));
  if (cursor.take('{')) return object(cursor, at);
  const name = functionName(cursor);
  if (name === undefined) throw cursor.wrong(`an expression is expected, not ${cursor.describe()}`);
  if (name === 'true' || name === 'false') return { kind: 'literal', at, value: name === 'true' };
  if (name === 'null') return { kind: 'literal', at, value: null };
  return cursor.looksAt('(') ? call(cursor, at, name) : { kind: 'name', at, name };
}

function functionName(cursor: Cursor): string | undefined {
  let name = cursor.identifier();
  while (name !== undefined && cursor.looksAt('::')) {
    cursor.at += 2;
    name = `${name}::${cursor.identifier()}`;
  }
  return name;
}

function call(cursor: Cursor, at: number, name: string): Expression {
  cursor.expect('(');
  return cursor.withNewlines(false, () => {
    const args: Expression[] = [];
    let expand = false;
    while (!cursor.take(')')) {
      args.push(expression(cursor));
      expand = cursor.take('...');
      if (!cursor.take(',')) {
        cursor.expect(')');
        break;
      }
    }
    return { kind: 'call', at, name, args, expand };
  });
}

function tuple(cursor: Cursor, at: number): Expression {
  const loop = forIn(cursor, at, ']');
  if (loop !== undefined) return loop;
  const items: Expression[] = [];
  while (!cursor.take(']')) {
    items.push(expression(cursor));
    if (!cursor.take(',')) {
      cursor.expect(']');
      break;
    }
  }
  return { kind: 'tuple', at, items };
}

function object(cursor: Cursor, at: number): Expression {
  const loop = cursor.withNewlines(false, () => forIn(cursor, at, '}'));
  if (loop !== undefined) return loop;
  return cursor.withNewlines(true, () => {
    const items: ObjectItem[] = [];
    for (;;) {
      cursor.skipLines();
      if (cursor.take('}')) return { kind: 'object', at, items };
      const key = expression(cursor);
      if (!cursor.take('=') && !cursor.take(':')) {
        throw cursor.wrong(`"=" is expected after the key, not ${cursor.describe()}`);
      }
      cursor.skip();
      items.push({ key, value: expression(cursor) });
      cursor.skip();
      if (!cursor.take(',') && !cursor.take('\n') && !cursor.looksAt('}')) {
        throw cursor.wrong(`a new line or "," is expected after the item, not ${cursor.describe()}`);
      }
    }
  });
}

function forIn(cursor: Cursor, at: number, end: ']' | '}'): Expression | undefined {
  const before = cursor.at;
  if (cursor.identifier() !== 'for' || !/[ \t\n\r]/.test(cursor.text[cursor.at] ?? '')) {
    cursor.at = before;
    return undefined;
  }
  const names = loopNames(cursor);
  if (names === undefined) {
    cursor.at = before;
    return undefined;
  }
  const of = expression(cursor);
  cursor.expect(':');
  const first = expression(cursor);
  if (end === '}') cursor.expect('=>');
  const second = end === '}' ? expression(cursor) : undefined;
  const grouped = cursor.take('...');
  const beforeIf = cursor.at;
  const hasCondition = cursor.identifier() === 'if';
  if (!hasCondition) cursor.at = beforeIf;
  const condition = hasCondition ? expression(cursor) : undefined;
  cursor.expect(end);
  return {
    kind: 'for',
    at,
    names,
    of,
    ...(second === undefined ? {} : { key: first }),
    value: second ?? first,
    ...(condition === undefined ? {} : { condition }),
    grouped,
  };
}
