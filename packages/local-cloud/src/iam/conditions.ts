import { isIP } from 'node:net';
import type { ContextIndex } from './pattern.ts';
import { compile, matchesArn, matchesTokens } from './pattern.ts';
import type { ConditionBlock } from './policy.ts';
import { list } from './policy.ts';

interface Comparison {
  /** One value of the request against one value of the policy. */
  readonly test: (actual: string, wanted: string, context: ContextIndex | undefined) => boolean;
  /** A negated operator holds when no value of the policy matches, and when the key is absent. */
  readonly negated: boolean;
}

const text =
  (wildcards: boolean, fold: (value: string) => string = (value) => value) =>
  (actual: string, wanted: string, context: ContextIndex | undefined): boolean => {
    const pattern = compile(wanted, context, wildcards);
    if (pattern === undefined) return false;
    if (wildcards) return matchesTokens(pattern, actual);
    const literal = pattern.map((token) => (typeof token === 'string' ? token : token.literal)).join('');
    return fold(literal) === fold(actual);
  };

const ordered =
  (parse: (value: string) => number, holds: (actual: number, wanted: number) => boolean) =>
  (actual: string, wanted: string): boolean => {
    const a = parse(actual);
    const b = parse(wanted);
    return !Number.isNaN(a) && !Number.isNaN(b) && holds(a, b);
  };

const number = (value: string): number => (value.trim() === '' ? Number.NaN : Number(value));
/** ISO 8601, or epoch seconds. */
const date = (value: string): number =>
  /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value);

const comparisons = new Map<string, Comparison>();
const define = (name: string, test: Comparison['test'], negated = false): void => {
  comparisons.set(name, { test, negated });
};

define('StringEquals', text(false));
define('StringNotEquals', text(false), true);
define(
  'StringEqualsIgnoreCase',
  text(false, (value) => value.toLowerCase()),
);
define(
  'StringNotEqualsIgnoreCase',
  text(false, (value) => value.toLowerCase()),
  true,
);
define('StringLike', text(true));
define('StringNotLike', text(true), true);
for (const [prefix, parse] of [
  ['Numeric', number],
  ['Date', date],
] as const) {
  define(
    `${prefix}Equals`,
    ordered(parse, (a, b) => a === b),
  );
  define(
    `${prefix}NotEquals`,
    ordered(parse, (a, b) => a === b),
    true,
  );
  define(
    `${prefix}LessThan`,
    ordered(parse, (a, b) => a < b),
  );
  define(
    `${prefix}LessThanEquals`,
    ordered(parse, (a, b) => a <= b),
  );
  define(
    `${prefix}GreaterThan`,
    ordered(parse, (a, b) => a > b),
  );
  define(
    `${prefix}GreaterThanEquals`,
    ordered(parse, (a, b) => a >= b),
  );
}
define(
  'Bool',
  text(false, (value) => value.toLowerCase()),
);
define('BinaryEquals', (actual, wanted) => actual === wanted);
define('IpAddress', inNetwork);
define('NotIpAddress', inNetwork, true);
// IAM treats ArnEquals and ArnLike alike: both know wildcards.
for (const name of ['Equals', 'Like']) {
  define(`Arn${name}`, (actual, wanted, context) => matchesArn(wanted, actual, context));
  define(`ArnNot${name}`, (actual, wanted, context) => matchesArn(wanted, actual, context), true);
}

interface ParsedOperator {
  readonly quantifier: 'ForAnyValue' | 'ForAllValues' | undefined;
  readonly ifExists: boolean;
  readonly name: string;
}

function parseOperator(operator: string): ParsedOperator | undefined {
  const match = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/.exec(operator);
  if (match === null) return undefined;
  const quantifier = match[1] as ParsedOperator['quantifier'];
  const name = match[2] as string;
  const ifExists = match[3] !== undefined;
  if (name === 'Null')
    return quantifier === undefined && !ifExists ? { quantifier, ifExists, name } : undefined;
  return comparisons.has(name) ? { quantifier, ifExists, name } : undefined;
}

export function isConditionOperator(operator: string): boolean {
  return parseOperator(operator) !== undefined;
}

/** All operators and all keys have to hold. Without `variables` (2008 documents) `${…}` is plain text. */
export function conditionsHold(
  block: ConditionBlock | undefined,
  context: ContextIndex,
  variables: ContextIndex | undefined,
): boolean {
  for (const [operator, keys] of Object.entries(block ?? {})) {
    const parsed = parseOperator(operator);
    if (parsed === undefined) return false;
    for (const [key, wanted] of Object.entries(keys)) {
      const actual = context.get(key.toLowerCase());
      if (!keyHolds(parsed, actual, list(wanted).map(String), variables)) return false;
    }
  }
  return true;
}

function keyHolds(
  { quantifier, ifExists, name }: ParsedOperator,
  actual: readonly string[] | undefined,
  wanted: readonly string[],
  variables: ContextIndex | undefined,
): boolean {
  const absent = actual === undefined || actual.length === 0;
  if (name === 'Null') return wanted.some((value) => (value.toLowerCase() === 'true') === absent);
  const { test, negated } = comparisons.get(name) as Comparison;
  if (absent) return ifExists || quantifier === 'ForAllValues' || (negated && quantifier === undefined);
  const one = (value: string): boolean => wanted.some((each) => test(value, each, variables)) !== negated;
  // "Not equals" on a key with several values and no quantifier: none of them may match.
  if (quantifier === 'ForAllValues' || (quantifier === undefined && negated)) return actual.every(one);
  return actual.some(one);
}

function inNetwork(actual: string, wanted: string): boolean {
  const [base = '', bits] = wanted.split('/');
  const family = isIP(base);
  if (family === 0 || isIP(actual) !== family) return false;
  const width = family === 4 ? 32 : 128;
  const prefix = bits === undefined ? width : Number(bits);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > width) return false;
  const shift = BigInt(width - prefix);
  return addressBits(actual, family) >> shift === addressBits(base, family) >> shift;
}

function addressBits(address: string, family: number): bigint {
  if (family === 4) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  const [, head = '', tail] = /^(.*?)(?:::(.*))?$/.exec(address) as RegExpExecArray;
  const groups = (part: string): bigint[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          if (!group.includes('.')) return [BigInt(`0x${group}`)];
          const bits = addressBits(group, 4);
          return [bits >> 16n, bits & 0xffffn];
        });
  const start = groups(head);
  const end = tail === undefined ? [] : groups(tail);
  const zeros = Array<bigint>(Math.max(0, 8 - start.length - end.length)).fill(0n);
  return [...start, ...zeros, ...end].reduce((sum, group) => (sum << 16n) | group, 0n);
}
