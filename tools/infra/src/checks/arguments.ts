import type { HclFile } from '../hcl/file.ts';
import type { Attribute, Block, Body } from '../hcl/syntax.ts';
import type { SchemaBlock, SchemaNestedBlock, SchemaType } from '../schema/schema.ts';
import type { Evaluator } from './evaluate.ts';
import { type Findings, meant } from './finding.ts';
import { checkValue } from './known-values.ts';
import type { Extra, ModuleTypes } from './module-types.ts';
import {
  either,
  elementsOf,
  mismatch,
  objectType,
  string,
  type Type,
  typeOfSchema,
  unknown,
} from './types.ts';

export interface ArgumentsAt {
  types: ModuleTypes;
  findings: Findings;
  file: HclFile;
  /** `aws_vpc`, `aws_rds_cluster.scaling_configuration`: for messages and for lists of known values. */
  path: string;
  mode: 'resource' | 'data' | 'provider';
  extra: Extra;
}

/** What Terraform itself takes in resource and data blocks. */
const metaArguments = new Set(['count', 'for_each', 'provider', 'depends_on']);
const metaBlocks = new Set(['lifecycle', 'dynamic', 'provisioner', 'connection']);

/** Every argument and nested block of a body against the provider's schema. */
export function checkArguments(
  at: ArgumentsAt,
  body: Body,
  schema: SchemaBlock,
  start: number,
  top: boolean,
): void {
  const evaluator = at.types.evaluator(at.file, at.extra);
  for (const attribute of body.attributes.values()) {
    if (top && metaArguments.has(attribute.name)) continue;
    checkArgument(at, evaluator, attribute, schema, top);
  }
  /** How often each nested block is written out; 0 where only a dynamic block makes it. */
  const given = new Map<string, number>();
  for (const block of body.blocks) {
    if (top && metaBlocks.has(block.type) && block.type !== 'dynamic') continue;
    const name = checkNested(at, block, schema);
    if (name === undefined) continue;
    given.set(name, (given.get(name) ?? 0) + (block.type === 'dynamic' ? 0 : 1));
  }
  const missing = (name: string, what: string): void =>
    at.findings.add('missing-argument', at.file, start, `${at.path} needs the ${what} "${name}"`);
  for (const [name, attribute] of Object.entries(schema.attributes)) {
    if (attribute.required === true && !body.attributes.has(name)) missing(name, 'argument');
  }
  for (const [name, nested] of Object.entries(schema.blocks)) {
    const count = given.get(name);
    if (nested.min !== undefined && count === undefined) missing(name, 'block');
    if (nested.max !== undefined && (count ?? 0) > nested.max) {
      at.findings.add('too-many-blocks', at.file, start, `${at.path} takes the block "${name}" once`);
    }
  }
}

function checkArgument(
  at: ArgumentsAt,
  evaluator: Evaluator,
  attribute: Attribute,
  schema: SchemaBlock,
  top: boolean,
): void {
  const { name } = attribute;
  const type = evaluator.type(attribute.value);
  const known = schema.attributes[name];
  const say = (rule: string, message: string): void => at.findings.add(rule, at.file, attribute.at, message);
  if (known === undefined) {
    if (schema.blocks[name] !== undefined) {
      say('block-as-argument', `${at.path}: "${name}" is a block, so it is written without "="`);
      return;
    }
    const names = [...Object.keys(schema.attributes), ...Object.keys(schema.blocks)];
    say('unknown-argument', `${at.path} has no argument "${name}".${meant(name, names)}`);
    return;
  }
  // SDK resources carry an id that looks settable and is refused when set.
  const decided = name === 'id' && top && known.required !== true && at.mode === 'resource';
  if ((known.required !== true && known.optional !== true) || decided) {
    say('computed-argument', `${at.path}: "${name}" is decided by AWS and cannot be set`);
    return;
  }
  const wanted = typeOfSchema(known.type);
  const problem = mismatch(type, wanted);
  if (problem !== undefined) say('wrong-type', `${at.path}.${name}: ${problem}`);
  if (known.required === true && type.kind === 'null')
    say('missing-argument', `${at.path}.${name} cannot be null`);
  checkValue(at.findings, at.file, `${at.path}.${name}`, attribute.value);
}

/** Returns the name of the nested block, or undefined where there is no such block. */
function checkNested(at: ArgumentsAt, block: Block, schema: SchemaBlock): string | undefined {
  const dynamic = block.type === 'dynamic';
  const name = dynamic ? (block.labels[0]?.text ?? '') : block.type;
  const nested = schema.blocks[name];
  const legacy = schema.attributes[name];
  if (nested === undefined) {
    if (legacy !== undefined && isListOfObjects(legacy.type)) {
      checkLegacyBlock(at, block, legacy.type);
      return undefined;
    }
    const rule = legacy === undefined ? 'unknown-block' : 'argument-as-block';
    const message =
      legacy === undefined
        ? `has no block "${name}".${meant(name, [...Object.keys(schema.blocks), ...Object.keys(schema.attributes)])}`
        : `"${name}" is an argument, so it is written with "="`;
    at.findings.add(rule, at.file, block.at, `${at.path} ${message}`);
    return undefined;
  }
  const path = `${at.path}.${name}`;
  if (!dynamic) {
    checkArguments({ ...at, path }, block.body, nested.block, block.at, false);
    return name;
  }
  checkDynamic({ ...at, path }, block, name, nested);
  return name;
}

function checkDynamic(at: ArgumentsAt, block: Block, name: string, nested: SchemaNestedBlock): void {
  const wrong = (offset: number, message: string): void =>
    at.findings.add('dynamic-block', at.file, offset, `${at.path}: ${message}`);
  const forEach = block.body.attributes.get('for_each');
  const iterator = block.body.attributes.get('iterator');
  const [content] = block.body.blocks;
  for (const { name: given, at: offset } of block.body.attributes.values()) {
    if (given !== 'for_each' && given !== 'iterator')
      wrong(offset, `a dynamic block has no argument "${given}"`);
  }
  if (forEach === undefined) wrong(block.at, 'a dynamic block needs for_each');
  if (content?.type !== 'content' || block.body.blocks.length !== 1) {
    wrong(block.at, 'a dynamic block needs one block "content"');
    return;
  }
  const of = forEach === undefined ? unknown : at.types.evaluator(at.file, at.extra).type(forEach.value);
  const loop = iterator?.value.kind === 'name' ? iterator.value.name : name;
  const extra = new Map(at.extra);
  extra.set(
    loop,
    objectType([
      ['key', string],
      ['value', loopValue(of)],
    ]),
  );
  checkArguments({ ...at, extra }, content.body, nested.block, content.at, false);
}

function loopValue(of: Type): Type {
  if (of.kind === 'object') return [...of.members.values()].reduce<Type>(either, { kind: 'null' });
  return elementsOf(of) ?? unknown;
}

function isListOfObjects(type: SchemaType): boolean {
  return Array.isArray(type) && (type[0] === 'list' || type[0] === 'set') && type[1][0] === 'object';
}

/** Lists of objects that older resources let one write as blocks: `ingress`, `route`. */
function checkLegacyBlock(at: ArgumentsAt, block: Block, type: SchemaType): void {
  const object = type[1] as ['object', Record<string, SchemaType>];
  const schema: SchemaBlock = {
    attributes: Object.fromEntries(
      Object.entries(object[1]).map(([name, member]) => [name, { type: member, optional: true as const }]),
    ),
    blocks: {},
  };
  const body =
    block.type === 'dynamic'
      ? block.body.blocks.find(({ type: inner }) => inner === 'content')?.body
      : block.body;
  if (body !== undefined) {
    checkArguments(
      {
        ...at,
        path: `${at.path}.${block.type}`,
        extra: new Map([...at.extra, [block.labels[0]?.text ?? '', unknown]]),
      },
      body,
      schema,
      block.at,
      false,
    );
  }
}
