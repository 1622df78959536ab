import type { Block, Expression } from '../hcl/syntax.ts';
import type { ProviderSchema, SchemaBlock } from '../schema/schema.ts';
import { checkArguments } from './arguments.ts';
import { checkExclusive } from './exclusive.ts';
import { type Findings, meant } from './finding.ts';
import type { Declared, Resource } from './module.ts';
import type { Extra, ModuleTypes } from './module-types.ts';
import { describeType, mismatch, number } from './types.ts';

export function checkResource(
  types: ModuleTypes,
  schema: ProviderSchema,
  findings: Findings,
  resource: Resource,
): void {
  const { type, mode, file, block } = resource;
  const known = (mode === 'data' ? schema.data : schema.resources)[type];
  if (known === undefined) {
    const names = Object.keys(mode === 'data' ? schema.data : schema.resources);
    findings.add(
      'unknown-resource',
      file,
      block.at,
      `${mode} "${type}" is not in the schema file: a mistake, or \`npm run infra -- schema\` has to add it.${meant(type, names)}`,
    );
    return;
  }
  checkRepetition(types, findings, resource);
  const extra = types.extraOf(resource);
  checkArguments({ types, findings, file, path: type, mode, extra }, block.body, known, block.at, true);
  if (mode === 'resource') checkExclusive(findings, file, type, block.body, block.at);
  checkTags(findings, resource, known);
  for (const inner of block.body.blocks) {
    if (inner.type === 'lifecycle') checkLifecycle(types, findings, resource, inner, known, extra);
    if (inner.type === 'provisioner' || inner.type === 'connection') {
      findings.add(
        'provisioner',
        file,
        inner.at,
        `${type}: provisioners run on the machine of whoever applies; use what AWS offers`,
      );
    }
  }
}

/** `count`, `for_each` and `depends_on`, which modules have too. */
export function checkRepetition(types: ModuleTypes, findings: Findings, declared: Declared): void {
  const { file, block } = declared;
  const { attributes } = block.body;
  const evaluator = types.evaluator(file);
  const forEach = attributes.get('for_each');
  const count = attributes.get('count');
  if (forEach !== undefined && count !== undefined) {
    findings.add('repetition', file, count.at, 'count and for_each exclude each other');
  }
  if (forEach !== undefined) {
    const of = evaluator.type(forEach.value);
    if (['list', 'tuple', 'string', 'number', 'bool'].includes(of.kind)) {
      findings.add(
        'repetition',
        file,
        forEach.at,
        `for_each takes a map or a set, not a ${describeType(of)}: use toset(…) or { for … }`,
      );
    }
  }
  if (count !== undefined) {
    const problem = mismatch(evaluator.type(count.value), number);
    if (problem !== undefined) findings.add('wrong-type', file, count.at, `count: ${problem}`);
    if (callsLength(count.value)) {
      findings.add(
        'count-over-list',
        file,
        count.at,
        'count over the length of a list: when an element goes, all after it are destroyed and made anew. Use for_each with fixed keys',
      );
    }
  }
  checkDependsOn(types, declared);
}

function checkDependsOn(types: ModuleTypes, { file, block }: Declared): void {
  const dependsOn = block.body.attributes.get('depends_on');
  if (dependsOn !== undefined) types.evaluator(file).type(dependsOn.value);
}

function callsLength(expression: Expression): boolean {
  if (expression.kind === 'call') return expression.name === 'length' || expression.args.some(callsLength);
  if (expression.kind === 'conditional') return callsLength(expression.yes) || callsLength(expression.no);
  return expression.kind === 'parentheses' && callsLength(expression.of);
}

function checkTags(findings: Findings, { type, mode, file, block }: Resource, schema: SchemaBlock): void {
  if (mode === 'data') return;
  const takesTags = schema.attributes['tags']?.optional === true;
  const takesTagBlocks = schema.blocks['tag'] !== undefined;
  const has =
    block.body.attributes.has('tags') ||
    block.body.blocks.some((inner) => inner.type === 'tag' || inner.labels[0]?.text === 'tag');
  if ((takesTags || takesTagBlocks) && !has) {
    findings.add('untagged', file, block.at, `${type} can have tags and has none: pass var.tags on`);
  }
}

const conditions = new Set(['precondition', 'postcondition']);

function checkLifecycle(
  types: ModuleTypes,
  findings: Findings,
  { type, file }: Resource,
  block: Block,
  schema: SchemaBlock,
  extra: Extra,
): void {
  for (const attribute of block.body.attributes.values()) {
    switch (attribute.name) {
      case 'create_before_destroy':
      case 'prevent_destroy':
        if (attribute.value.kind !== 'literal') {
          findings.add(
            'lifecycle',
            file,
            attribute.at,
            `${attribute.name} must be true or false as such, not an expression`,
          );
        }
        break;
      case 'ignore_changes':
        if (attribute.value.kind !== 'tuple') break;
        for (const item of attribute.value.items) {
          const root = item.kind === 'traversal' ? item.on : item;
          if (root.kind !== 'name' || (!(root.name in schema.attributes) && !(root.name in schema.blocks))) {
            findings.add('lifecycle', file, item.at, `ignore_changes names what ${type} does not have`);
          }
        }
        break;
      case 'replace_triggered_by':
        types.evaluator(file, extra).type(attribute.value);
        break;
      default:
        findings.add('lifecycle', file, attribute.at, `lifecycle has no argument "${attribute.name}"`);
    }
  }
  for (const inner of block.body.blocks) {
    if (!conditions.has(inner.type)) {
      findings.add('lifecycle', file, inner.at, `lifecycle has no block "${inner.type}"`);
      continue;
    }
    const scope = new Map(extra);
    if (inner.type === 'postcondition') scope.set('self', types.bare(type));
    checkCondition(types, findings, { name: inner.type, file, block: inner }, scope);
  }
}

/** A block with `condition` and `error_message`, wherever it stands. */
export function checkCondition(
  types: ModuleTypes,
  findings: Findings,
  { file, block }: Declared,
  extra: Extra,
): void {
  const evaluator = types.evaluator(file, extra);
  for (const name of ['condition', 'error_message']) {
    const attribute = block.body.attributes.get(name);
    if (attribute === undefined) {
      findings.add('condition', file, block.at, `${block.type} needs "${name}"`);
      continue;
    }
    const type = evaluator.type(attribute.value);
    if (name === 'condition' && !['bool', 'unknown', 'null'].includes(type.kind)) {
      findings.add(
        'wrong-type',
        file,
        attribute.at,
        `the condition is a ${describeType(type)}, not true or false`,
      );
    }
  }
  for (const { name, at } of block.body.attributes.values()) {
    if (name !== 'condition' && name !== 'error_message') {
      findings.add('condition', file, at, `${block.type} has no argument "${name}"`);
    }
  }
}
