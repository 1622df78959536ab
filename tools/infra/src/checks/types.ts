import { constantKey, type Expression } from '../hcl/syntax.ts';
import type { SchemaBlock, SchemaType } from '../schema/schema.ts';

/** What is known of a value without running Terraform. */
export type Type =
  | { kind: 'unknown' }
  | { kind: 'null' }
  | { kind: 'string'; literal?: string }
  | { kind: 'number'; literal?: number }
  | { kind: 'bool' }
  | { kind: 'list' | 'set' | 'map'; of: Type }
  | { kind: 'tuple'; items: Type[] }
  /** `instances`: a resource or module with for_each, whose attributes need a key first. */
  | { kind: 'instances'; of: Type; by: 'for_each' | 'count' }
  | {
      kind: 'object';
      members: ReadonlyMap<string, Type>;
      /** Members that may be left out. */
      optional?: ReadonlySet<string>;
      /** Written as `{ … }` at the place itself. */
      fresh?: true;
      /** How a message names it: `aws_vpc`, `module.network`. */
      called?: string;
      /** There may be further members that are not known. */
      open?: true;
    };

export const unknown: Type = { kind: 'unknown' };
export const string: Type = { kind: 'string' };
export const number: Type = { kind: 'number' };
export const bool: Type = { kind: 'bool' };

export function objectType(
  members: Iterable<[string, Type]>,
  more: Omit<Extract<Type, { kind: 'object' }>, 'kind' | 'members'> = {},
): Type {
  return { kind: 'object', members: new Map(members), ...more };
}

export function describeType(type: Type): string {
  switch (type.kind) {
    case 'list':
    case 'set':
    case 'map':
      return `${type.kind} of ${describeType(type.of)}`;
    case 'tuple':
      return 'list';
    case 'instances':
      return `instances by ${type.by}`;
    default:
      return type.kind;
  }
}

/** The type that a `variable` block declares; undefined where the expression is no type. */
export function declaredType(expression: Expression): Type | undefined {
  if (expression.kind === 'name') {
    if (expression.name === 'any') return unknown;
    return ['string', 'number', 'bool'].includes(expression.name)
      ? { kind: expression.name as 'string' | 'number' | 'bool' }
      : undefined;
  }
  if (expression.kind !== 'call') return undefined;
  const [first] = expression.args;
  if (first === undefined) return undefined;
  switch (expression.name) {
    case 'list':
    case 'set':
    case 'map': {
      const of = declaredType(first);
      return of === undefined ? undefined : { kind: expression.name, of };
    }
    case 'optional':
      return declaredType(first);
    case 'tuple': {
      if (first.kind !== 'tuple') return undefined;
      const items = first.items.map(declaredType);
      return items.includes(undefined) ? undefined : { kind: 'tuple', items: items as Type[] };
    }
    case 'object':
      return first.kind === 'object' ? declaredObject(first.items) : undefined;
    default:
      return undefined;
  }
}

function declaredObject(items: Extract<Expression, { kind: 'object' }>['items']): Type | undefined {
  const members = new Map<string, Type>();
  const optional = new Set<string>();
  for (const { key, value } of items) {
    const name = constantKey(key);
    const type = declaredType(value);
    if (name === undefined || type === undefined) return undefined;
    members.set(name, type);
    if (value.kind === 'call' && value.name === 'optional') optional.add(name);
  }
  return { kind: 'object', members, optional };
}

export function typeOfSchema(type: SchemaType): Type {
  if (type === 'dynamic') return unknown;
  if (typeof type === 'string') return { kind: type };
  if (type[0] === 'object') {
    const members = Object.entries(type[1]).map(([name, member]): [string, Type] => [
      name,
      typeOfSchema(member),
    ]);
    return objectType(members, { optional: new Set(members.map(([name]) => name)) });
  }
  return { kind: type[0], of: typeOfSchema(type[1]) };
}

/** A resource or a nested block as an object with all its attributes, the computed ones too. */
export function typeOfBlock(block: SchemaBlock, called?: string): Type {
  const members = new Map<string, Type>();
  for (const [name, { type }] of Object.entries(block.attributes)) members.set(name, typeOfSchema(type));
  for (const [name, { nesting, block: inner }] of Object.entries(block.blocks)) {
    const of = typeOfBlock(inner);
    members.set(name, nesting === 'single' ? of : { kind: nesting, of });
  }
  return { kind: 'object', members, ...(called === undefined ? {} : { called }) };
}

/** One type for both branches of a condition or all elements of a list. */
export function either(a: Type, b: Type): Type {
  if (a.kind === 'null') return b;
  if (b.kind === 'null') return a;
  if (a.kind === 'object' && b.kind === 'object') {
    const names = new Set([...a.members.keys(), ...b.members.keys()]);
    return objectType(
      [...names].map((name) => {
        const [left, right] = [a.members.get(name), b.members.get(name)];
        return [
          name,
          left !== undefined && right !== undefined ? either(left, right) : (left ?? right ?? unknown),
        ];
      }),
    );
  }
  if (a.kind === 'map' && b.kind === 'object')
    return { kind: 'map', of: [a.of, ...b.members.values()].reduce(either) };
  if (a.kind === 'object' && b.kind === 'map') return either(b, a);
  const [left, right] = [elementsOf(a), elementsOf(b)];
  if (a.kind !== 'map' && b.kind !== 'map' && left !== undefined && right !== undefined) {
    return { kind: a.kind === 'set' || b.kind === 'set' ? 'set' : 'list', of: either(left, right) };
  }
  if (a.kind !== b.kind) return unknown;
  if (a.kind === 'map' && b.kind === 'map') return { kind: 'map', of: either(a.of, b.of) };
  return a.kind === 'string' || a.kind === 'number' ? { kind: a.kind } : a;
}

/** The type of the elements of a list, set, tuple or map. */
export function elementsOf(type: Type): Type | undefined {
  if (type.kind === 'list' || type.kind === 'set' || type.kind === 'map') return type.of;
  if (type.kind === 'instances') return type.of;
  if (type.kind !== 'tuple') return undefined;
  return type.items.reduce<Type>(either, { kind: 'null' });
}

/** Why a value of one type cannot be used where the other is wanted; undefined where it can or is not known. */
export function mismatch(given: Type, wanted: Type, path = ''): string | undefined {
  if (given.kind === 'unknown' || given.kind === 'null' || wanted.kind === 'unknown') return undefined;
  const at = path === '' ? '' : `${path}: `;
  const no = `${at}${describeType(given)} given, ${describeType(wanted)} needed`;
  switch (wanted.kind) {
    case 'string':
      return given.kind === 'string' || given.kind === 'number' || given.kind === 'bool' ? undefined : no;
    case 'number':
      if (given.kind === 'number') return undefined;
      if (given.kind !== 'string') return no;
      return given.literal === undefined ||
        (given.literal.trim() !== '' && !Number.isNaN(Number(given.literal)))
        ? undefined
        : `${at}"${given.literal}" is not a number`;
    case 'bool':
      if (given.kind === 'bool') return undefined;
      if (given.kind !== 'string') return no;
      return given.literal === undefined || /^(true|false)$/.test(given.literal)
        ? undefined
        : `${at}"${given.literal}" is not true or false`;
    case 'list':
    case 'set': {
      if (given.kind === 'tuple') {
        return given.items.map((item, index) => mismatch(item, wanted.of, `${path}[${index}]`)).find(Boolean);
      }
      return given.kind === 'list' || given.kind === 'set' ? mismatch(given.of, wanted.of, `${path}[…]`) : no;
    }
    case 'map':
      if (given.kind === 'map') return mismatch(given.of, wanted.of, `${path}[…]`);
      if (given.kind !== 'object') return no;
      return [...given.members]
        .map(([name, type]) => mismatch(type, wanted.of, join(path, name)))
        .find(Boolean);
    case 'object':
      if (given.kind === 'map') return undefined;
      return given.kind === 'object' ? objectMismatch(given, wanted, path) : no;
    default:
      return undefined;
  }
}

type ObjectType = Extract<Type, { kind: 'object' }>;

function objectMismatch(given: ObjectType, wanted: ObjectType, path: string): string | undefined {
  for (const [name, type] of wanted.members) {
    const member = given.members.get(name);
    if (member === undefined) {
      if (wanted.optional?.has(name) === true || given.open === true) continue;
      return `"${join(path, name)}" is missing`;
    }
    const problem = mismatch(member, type, join(path, name));
    if (problem !== undefined) return problem;
  }
  if (given.fresh !== true || wanted.open === true) return undefined;
  const extra = [...given.members.keys()].find((name) => !wanted.members.has(name));
  return extra === undefined
    ? undefined
    : `"${join(path, extra)}" is not in the type, so Terraform would drop it without a word`;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
