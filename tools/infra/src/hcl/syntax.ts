/** The syntax tree of HCL native syntax, with offsets, as far as the checks need it. */

export interface Attribute {
  name: string;
  at: number;
  value: Expression;
}

export interface Block {
  type: string;
  at: number;
  labels: Label[];
  body: Body;
}

export interface Label {
  text: string;
  at: number;
  quoted: boolean;
}

export interface Body {
  at: number;
  attributes: Map<string, Attribute>;
  blocks: Block[];
}

/** One step of a traversal after its root: `.name`, `[key]`, `.*` or `[*]`. */
export type Step =
  | { kind: 'name'; name: string; at: number }
  | { kind: 'key'; key: Expression; at: number }
  | { kind: 'splat'; at: number };

export type Expression = { at: number } & (
  | { kind: 'literal'; value: string | number | boolean | null }
  | { kind: 'template'; parts: TemplatePart[]; heredoc: boolean }
  | { kind: 'name'; name: string }
  | { kind: 'traversal'; on: Expression; steps: Step[] }
  | { kind: 'call'; name: string; args: Expression[]; expand: boolean }
  | { kind: 'tuple'; items: Expression[] }
  | { kind: 'object'; items: ObjectItem[] }
  | {
      kind: 'for';
      /** Names bound in `key`, `value` and `condition`; one or two of them. */
      names: string[];
      of: Expression;
      key?: Expression;
      value: Expression;
      condition?: Expression;
      grouped: boolean;
    }
  | { kind: 'conditional'; condition: Expression; yes: Expression; no: Expression }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression }
  | { kind: 'unary'; operator: '!' | '-'; of: Expression }
  | { kind: 'parentheses'; of: Expression }
);

export type Of<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

export interface ObjectItem {
  key: Expression;
  value: Expression;
}

export type TemplatePart =
  | { kind: 'text'; text: string; at: number }
  | { kind: 'interpolation'; value: Expression; at: number }
  | {
      kind: 'directive';
      keyword: 'if' | 'else' | 'endif' | 'for' | 'endfor';
      names: string[];
      value?: Expression;
      at: number;
    };

/** What a string without interpolation says, or undefined. */
export function constantString(expression: Expression | undefined): string | undefined {
  if (expression === undefined) return undefined;
  if (expression.kind === 'parentheses') return constantString(expression.of);
  if (expression.kind !== 'template') return undefined;
  let text = '';
  for (const part of expression.parts) {
    if (part.kind !== 'text') return undefined;
    text += part.text;
  }
  return text;
}

/** Keys of an object constructor that are fixed in the text. */
export function constantKey(key: Expression): string | undefined {
  if (key.kind === 'name') return key.name;
  if (key.kind === 'literal') return String(key.value);
  return constantString(key);
}
