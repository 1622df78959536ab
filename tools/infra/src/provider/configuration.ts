import type { SchemaBlock, SchemaNestedBlock } from '../schema/schema.ts';
import { isObject, isUnknown, type Value } from './values.ts';

export type Step = { readonly attribute_name: string } | { readonly element_key_int: number };

export interface Refusal {
  readonly summary: string;
  readonly detail: string;
  readonly path: readonly Step[];
}

/**
 * What Terraform itself leaves to the provider: an attribute that the service alone decides must not be set.
 * Unknown arguments, missing ones and wrong types are refused by Terraform from the schema.
 */
export function refusalsOf(block: SchemaBlock, config: Value, path: readonly Step[] = []): Refusal[] {
  if (!isObject(config)) return [];
  const own = Object.entries(block.attributes)
    .filter(([, { required, optional }]) => required !== true && optional !== true)
    .filter(([name]) => (config[name] ?? null) !== null)
    .map(([name]) => ({
      summary: 'Value for unconfigurable attribute',
      detail: `Can't configure a value for "${name}": it is decided by the provider. Remove the argument.`,
      path: [...path, { attribute_name: name }],
    }));
  const nested = Object.entries(block.blocks).flatMap(([name, { block: inner, nesting }]) =>
    elementsOf(config[name] ?? null, nesting).flatMap((element, index) =>
      refusalsOf(inner, element, [
        ...path,
        { attribute_name: name },
        // An element of a set has no place that a number could name.
        ...(nesting === 'list' ? [{ element_key_int: index }] : []),
      ]),
    ),
  );
  return [...own, ...nested];
}

function elementsOf(value: Value, nesting: SchemaNestedBlock['nesting']): readonly Value[] {
  if (value === null || isUnknown(value)) return [];
  if (nesting === 'single') return [value];
  return Array.isArray(value) ? (value as readonly Value[]) : [];
}

/**
 * The block with every attribute that nobody has set and the provider decides given by `decide`. The rest stays: a plan
 * must contain what the configuration says.
 */
export function completed(
  block: SchemaBlock,
  value: Value,
  decide: Decide,
  path: readonly string[] = [],
): Value {
  if (!isObject(value)) return value;
  const result: Record<string, Value> = { ...value };
  for (const [name, { computed, type }] of Object.entries(block.attributes)) {
    if (computed === true && (value[name] ?? null) === null) result[name] = decide([...path, name], type);
  }
  for (const [name, { block: inner, nesting }] of Object.entries(block.blocks)) {
    const content = value[name] ?? null;
    if (content === null || isUnknown(content)) continue;
    if (nesting === 'single') result[name] = completed(inner, content, decide, [...path, name]);
    else if (Array.isArray(content))
      result[name] = content.map((element: Value) => completed(inner, element, decide, [...path, name]));
  }
  return result;
}

export type Decide = (path: readonly string[], type: SchemaBlock['attributes'][string]['type']) => Value;
