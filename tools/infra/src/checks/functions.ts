import { bool, either, elementsOf, number, objectType, string, type Type, unknown } from './types.ts';

/**
 * The functions of Terraform 1.11, which OpenTofu has as well, with what they return where that is simple. Functions of
 * providers (`provider::…`) and later ones are not here on purpose.
 */
const strings =
  'abspath base64encode base64decode base64gzip base64sha256 base64sha512 basename bcrypt chomp cidrhost cidrnetmask cidrsubnet dirname file filebase64 filebase64sha256 filebase64sha512 filemd5 filesha1 filesha256 filesha512 format formatdate indent join jsonencode lower md5 nonsensitive pathexpand plantimestamp replace rsadecrypt sha1 sha256 sha512 strrev substr templatefile templatestring textdecodebase64 textencodebase64 timeadd timestamp title trim trimprefix trimspace trimsuffix upper urlencode uuid uuidv5 yamlencode';
const numbers = 'abs ceil floor length log max min parseint pow signum sum timecmp tonumber index';
const bools = 'alltrue anytrue can contains endswith startswith strcontains issensitive tobool fileexists';
const lists =
  'chunklist compact formatlist matchkeys range regexall slice split reverse sort cidrsubnets setproduct';
const others =
  'coalesce coalescelist concat csvdecode distinct element ephemeralasnull fileset flatten jsondecode keys lookup map merge one regex sensitive setintersection setsubtract setunion tolist tomap toset tostring transpose try type values yamldecode zipmap';

const all = new Map<string, Type>([
  ...strings.split(' ').map((name): [string, Type] => [name, string]),
  ...numbers.split(' ').map((name): [string, Type] => [name, number]),
  ...bools.split(' ').map((name): [string, Type] => [name, bool]),
  ...lists.split(' ').map((name): [string, Type] => [name, { kind: 'list', of: unknown }]),
  ...others.split(' ').map((name): [string, Type] => [name, unknown]),
]);

export const functionNames: Iterable<string> = [...all.keys()];

export function isFunction(name: string): boolean {
  return all.has(name);
}

/** `expanded`: the last argument is written with `...`, so the number of arguments is not known. */
export function returnType(name: string, args: readonly Type[], expanded: boolean): Type {
  const [first = unknown] = args;
  const element = elementsOf(first) ?? unknown;
  switch (name) {
    case 'nonsensitive':
    case 'sensitive':
    case 'reverse':
    case 'distinct':
    case 'sort':
    case 'compact':
      return first;
    case 'tolist':
      return { kind: 'list', of: element };
    case 'toset':
      return { kind: 'set', of: element };
    case 'setunion':
    case 'setintersection':
    case 'setsubtract':
      return { kind: 'set', of: element };
    case 'keys':
      return { kind: 'list', of: string };
    case 'values':
      return first.kind === 'object'
        ? { kind: 'tuple', items: [...first.members.values()] }
        : { kind: 'list', of: element };
    case 'tomap':
      return first.kind === 'object'
        ? { kind: 'map', of: elementsOf({ kind: 'tuple', items: [...first.members.values()] }) ?? unknown }
        : { kind: 'map', of: element };
    case 'split':
    case 'formatlist':
      return { kind: 'list', of: string };
    case 'one':
      return first.kind === 'tuple' && first.items.length === 0 ? { kind: 'null' } : element;
    case 'element':
      return element;
    case 'fileset':
      return { kind: 'set', of: string };
    case 'tostring':
      return string;
    case 'concat':
      return expanded
        ? unknown
        : { kind: 'list', of: args.map((arg) => elementsOf(arg) ?? unknown).reduce(either) };
    case 'flatten':
      return { kind: 'list', of: flattened(element) };
    case 'lookup':
      return lookedUp(first, args[1], args[2]);
    case 'merge':
      return expanded ? (args.length === 1 ? element : unknown) : merged(args);
    default:
      return all.get(name) ?? unknown;
  }
}

function merged(args: readonly Type[]): Type {
  const maps = args.filter((arg) => arg.kind !== 'null');
  if (!maps.every((arg) => arg.kind === 'map' || arg.kind === 'object')) return unknown;
  if (maps.some((arg) => arg.kind === 'map')) {
    const of = maps.map((arg) => (arg.kind === 'object' ? valuesOf(arg) : (elementsOf(arg) ?? unknown)));
    return { kind: 'map', of: of.reduce<Type>(either, { kind: 'null' }) };
  }
  const members = new Map<string, Type>();
  let open = false;
  for (const arg of maps) {
    if (arg.kind !== 'object') continue;
    if (arg.open === true) open = true;
    for (const [name, type] of arg.members) members.set(name, type);
  }
  return objectType(members, open ? { open: true } : {});
}

function flattened(type: Type): Type {
  const nested = type.kind === 'list' || type.kind === 'set' || type.kind === 'tuple';
  return nested ? flattened(elementsOf(type) ?? unknown) : type;
}

function lookedUp(from: Type, key: Type | undefined, otherwise: Type = { kind: 'null' }): Type {
  if (from.kind === 'map') return either(from.of, otherwise);
  if (from.kind !== 'object') return unknown;
  const name = key?.kind === 'string' ? key.literal : undefined;
  return either(name === undefined ? valuesOf(from) : (from.members.get(name) ?? otherwise), otherwise);
}

function valuesOf(object: Extract<Type, { kind: 'object' }>): Type {
  return [...object.members.values()].reduce<Type>(either, { kind: 'null' });
}
