import type { HclFile } from '../hcl/file.ts';
import {
  constantKey,
  constantString,
  type Expression,
  type Of,
  type Step,
  type TemplatePart,
} from '../hcl/syntax.ts';
import { type Findings, meant } from './finding.ts';
import { functionNames, isFunction, returnType } from './functions.ts';
import {
  bool,
  describeType,
  either,
  elementsOf,
  number,
  objectType,
  string,
  type Type,
  unknown,
} from './types.ts';

/** What a name stands for together with the steps that select it, such as `var` with `.name`. */
export type Resolved = { type: Type; used: number } | { problem: string };

export interface Surroundings {
  file: HclFile;
  findings: Findings;
  resolve(root: string, steps: readonly Step[]): Resolved;
  /** Called for calls of functions that read files, to see whether the file is there. */
  call?(expression: Of<'call'>, args: readonly Type[]): void;
}

type Names = ReadonlyMap<string, Type>;

/** Infers types of expressions and reports what cannot resolve on the way. */
export class Evaluator {
  readonly #around: Surroundings;
  /** Above 0 inside of try() and can(), where a missing member is not a mistake. */
  #forgiving = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  type(expression: Expression, names: Names = new Map()): Type {
    switch (expression.kind) {
      case 'literal':
        return typeOfLiteral(expression.value);
      case 'template':
        return this.#template(expression, names);
      case 'parentheses':
        return this.type(expression.of, names);
      case 'name':
        return this.#name(expression, names);
      case 'traversal':
        return this.#traversal(expression, names);
      case 'call':
        return this.#call(expression, names);
      case 'tuple':
        return { kind: 'tuple', items: expression.items.map((item) => this.type(item, names)) };
      case 'object':
        return this.#object(expression, names);
      case 'for':
        return this.#for(expression, names);
      case 'conditional': {
        this.type(expression.condition, names);
        return either(this.type(expression.yes, names), this.type(expression.no, names));
      }
      case 'binary':
        return this.#binary(expression, names);
      case 'unary':
        this.type(expression.of, names);
        return expression.operator === '!' ? bool : number;
    }
  }

  report(rule: string, at: number, message: string): void {
    if (this.#forgiving === 0) this.#around.findings.add(rule, this.#around.file, at, message);
  }

  #template(expression: Of<'template'>, names: Names): Type {
    const [only, ...more] = expression.parts;
    if (only === undefined) return { kind: 'string', literal: '' };
    if (more.length === 0 && only.kind === 'text') return { kind: 'string', literal: only.text };
    if (more.length === 0 && only.kind === 'interpolation') return this.type(only.value, names);
    this.parts(expression.parts, names);
    return string;
  }

  /** Parts of a string or of a template file. */
  parts(parts: readonly TemplatePart[], names: Names): void {
    const scopes: Names[] = [names];
    for (const part of parts) {
      const scope = scopes.at(-1) ?? names;
      if (part.kind === 'interpolation') this.#interpolated(part, scope);
      if (part.kind !== 'directive') continue;
      if (part.keyword === 'endfor') scopes.pop();
      const of = part.value === undefined ? unknown : this.type(part.value, scope);
      if (part.keyword === 'for') scopes.push(this.#bind(part.names, of, scope));
    }
  }

  #interpolated(part: Extract<TemplatePart, { kind: 'interpolation' }>, names: Names): void {
    const type = this.type(part.value, names);
    if (['list', 'set', 'map', 'tuple', 'object', 'instances'].includes(type.kind)) {
      this.report(
        'wrong-type',
        part.at,
        `a ${describeType(type)} cannot be part of a string: use jsonencode or join`,
      );
    }
  }

  #name(expression: Of<'name'>, names: Names): Type {
    const bound = names.get(expression.name);
    if (bound !== undefined) return bound;
    const resolved = this.#around.resolve(expression.name, []);
    if ('problem' in resolved) {
      this.#reportAlways('unresolved', expression.at, resolved.problem);
      return unknown;
    }
    return resolved.type;
  }

  #traversal(expression: Of<'traversal'>, names: Names): Type {
    const { on, steps } = expression;
    if (on.kind !== 'name' || names.has(on.name)) {
      return this.#steps(this.type(on, names), steps, names, textOf(on));
    }
    const resolved = this.#around.resolve(on.name, steps);
    if ('problem' in resolved) {
      this.#reportAlways('unresolved', expression.at, resolved.problem);
      for (const step of steps) if (step.kind === 'key') this.type(step.key, names);
      return unknown;
    }
    const base = [on.name, ...steps.slice(0, resolved.used).map(textOfStep)].join('');
    return this.#steps(resolved.type, steps.slice(resolved.used), names, base);
  }

  #steps(from: Type, steps: readonly Step[], names: Names, base: string): Type {
    let type = from;
    let text = base;
    for (const [index, step] of steps.entries()) {
      if (step.kind === 'splat') {
        if (type.kind === 'map' || (type.kind === 'instances' && type.by === 'for_each')) {
          this.report(
            'unresolved',
            step.at,
            `${text} is a map, which [*] does not go through: use values(${text})[*]`,
          );
          return unknown;
        }
        const element = elementsOf(type) ?? (type.kind === 'object' ? type : unknown);
        return { kind: 'list', of: this.#steps(element, steps.slice(index + 1), names, `${text}[*]`) };
      }
      if (step.kind === 'name') type = this.#member(type, step.name, step.at, text);
      else type = this.#indexed(type, step.key, step.at, names, text);
      text += textOfStep(step);
    }
    return type;
  }

  #member(type: Type, name: string, at: number, text: string): Type {
    switch (type.kind) {
      case 'unknown':
      case 'null':
        return unknown;
      case 'map':
        return type.of;
      case 'object': {
        const member = type.members.get(name);
        if (member !== undefined) return member;
        if (type.open === true) return unknown;
        const called = type.called === undefined ? '' : ` (${type.called})`;
        const message = `${text}${called} has no attribute "${name}".${meant(name, type.members.keys())}`;
        // What a declaration or the schema does not have is never there: try() would hide a slip of the pen.
        const declared = type.called !== undefined || type.optional !== undefined;
        if (declared) this.#reportAlways('unresolved', at, message);
        else this.report('unresolved', at, message);
        return unknown;
      }
      case 'instances':
        this.report(
          'unresolved',
          at,
          `${text} has ${type.by}, so choose an instance first: ${text}[…].${name}`,
        );
        return unknown;
      default:
        this.report('unresolved', at, `${text} is a ${describeType(type)}, which has no attribute "${name}"`);
        return unknown;
    }
  }

  #indexed(type: Type, key: Expression, at: number, names: Names, text: string): Type {
    const keyType = this.type(key, names);
    const constant = constantString(key);
    switch (type.kind) {
      case 'unknown':
      case 'null':
        return unknown;
      case 'object':
        if (constant !== undefined) return this.#member(type, constant, at, text);
        if (type.called !== undefined) {
          this.report(
            'unresolved',
            at,
            `${text} has neither count nor for_each, so there is nothing to choose from`,
          );
        }
        return [...type.members.values()].reduce<Type>(either, { kind: 'null' });
      case 'tuple':
        if (keyType.kind === 'number' && keyType.literal !== undefined) {
          const item = type.items[keyType.literal];
          if (item === undefined) {
            this.report(
              'unresolved',
              at,
              `${text} has ${type.items.length} elements, so no [${keyType.literal}]`,
            );
          }
          return item ?? unknown;
        }
        return elementsOf(type) ?? unknown;
      case 'list':
      case 'map':
      case 'instances':
        return type.of;
      default:
        this.report('unresolved', at, `${text} is a ${describeType(type)}, which cannot be indexed`);
        return unknown;
    }
  }

  #call(expression: Of<'call'>, names: Names): Type {
    const { name, args } = expression;
    if (!isFunction(name)) {
      const why = name.startsWith('provider::')
        ? ' (OpenTofu and Terraform do not share functions of providers)'
        : '';
      this.#reportAlways(
        'unknown-function',
        expression.at,
        `There is no function "${name}" in Terraform 1.11${why}.${meant(name, functionNames)}`,
      );
    }
    const forgives = name === 'try' || name === 'can';
    if (forgives) this.#forgiving++;
    try {
      const types = args.map((arg) => this.type(arg, names));
      this.#around.call?.(expression, types);
      if (name === 'try' || name === 'coalesce') return types.reduce<Type>(either, { kind: 'null' });
      return returnType(name, types, expression.expand);
    } finally {
      if (forgives) this.#forgiving--;
    }
  }

  #object(expression: Of<'object'>, names: Names): Type {
    const members = new Map<string, Type>();
    let dynamic: Type | undefined;
    for (const { key, value } of expression.items) {
      const name = constantKey(key);
      const type = this.type(value, names);
      if (name === undefined) {
        this.type(key, names);
        dynamic = dynamic === undefined ? type : either(dynamic, type);
      } else {
        if (members.has(name))
          this.report('duplicate-key', key.at, `"${name}" is given twice in this object`);
        members.set(name, type);
      }
    }
    if (dynamic === undefined) return { kind: 'object', members, fresh: true };
    return { kind: 'map', of: [...members.values()].reduce(either, dynamic) };
  }

  #for(expression: Of<'for'>, names: Names): Type {
    const scope = this.#bind(expression.names, this.type(expression.of, names), names);
    if (expression.condition !== undefined) this.type(expression.condition, scope);
    if (expression.key !== undefined) this.type(expression.key, scope);
    const value = this.type(expression.value, scope);
    if (expression.key === undefined) return { kind: 'list', of: value };
    return { kind: 'map', of: expression.grouped ? { kind: 'list', of: value } : value };
  }

  #bind(names: readonly string[], of: Type, scope: Names): Names {
    const [first = '', second] = names;
    const element =
      of.kind === 'object'
        ? [...of.members.values()].reduce<Type>(either, { kind: 'null' })
        : (elementsOf(of) ?? unknown);
    const inner = new Map(scope);
    if (second === undefined) inner.set(first, element);
    else inner.set(first, of.kind === 'list' || of.kind === 'tuple' ? number : string).set(second, element);
    return inner;
  }

  #binary(expression: Of<'binary'>, names: Names): Type {
    for (const side of [expression.left, expression.right]) {
      const type = this.type(side, names);
      const arithmetic = !['==', '!=', '&&', '||'].includes(expression.operator);
      if (arithmetic && type.kind !== 'number' && type.kind !== 'unknown' && type.kind !== 'string') {
        this.report(
          'wrong-type',
          side.at,
          `a ${describeType(type)} cannot stand beside "${expression.operator}"`,
        );
      }
    }
    return ['+', '-', '*', '/', '%'].includes(expression.operator) ? number : bool;
  }

  #reportAlways(rule: string, at: number, message: string): void {
    this.#around.findings.add(rule, this.#around.file, at, message);
  }
}

function typeOfLiteral(value: string | number | boolean | null): Type {
  if (value === null) return { kind: 'null' };
  if (typeof value === 'number') return { kind: 'number', literal: value };
  return typeof value === 'boolean' ? bool : { kind: 'string', literal: value };
}

/** As a message names it. */
export function textOf(expression: Expression): string {
  if (expression.kind === 'name') return expression.name;
  if (expression.kind === 'call') return `${expression.name}(…)`;
  if (expression.kind === 'traversal') {
    return textOf(expression.on) + expression.steps.map(textOfStep).join('');
  }
  return 'the value';
}

function textOfStep(step: Step): string {
  if (step.kind === 'splat') return '[*]';
  if (step.kind === 'name') return `.${step.name}`;
  const constant = constantKey(step.key);
  return constant === undefined ? '[…]' : `[${JSON.stringify(constant)}]`;
}

export const pathType: Type = objectType([
  ['module', string],
  ['root', string],
  ['cwd', string],
]);
