import type { ProviderSchema, SchemaBlock, SchemaNestedBlock } from '../schema/schema.ts';

interface WireSchema {
  readonly version: number;
  readonly block: WireBlock;
}

interface WireBlock {
  readonly attributes: readonly object[];
  readonly block_types: readonly object[];
}

const NESTING = { single: 'SINGLE', list: 'LIST', set: 'SET' } as const satisfies Record<
  SchemaNestedBlock['nesting'],
  string
>;

/** The answer to GetProviderSchema. */
export function wireProviderSchema(schema: ProviderSchema): object {
  return {
    provider: wireSchema(schema.configuration),
    resource_schemas: mapped(schema.resources),
    data_source_schemas: mapped(schema.data),
  };
}

function mapped(blocks: Readonly<Record<string, SchemaBlock>>): Record<string, WireSchema> {
  return Object.fromEntries(Object.entries(blocks).map(([name, block]) => [name, wireSchema(block)]));
}

function wireSchema(block: SchemaBlock): WireSchema {
  return { version: 0, block: wireBlock(block) };
}

function wireBlock({ attributes, blocks }: SchemaBlock): WireBlock {
  return {
    attributes: Object.entries(attributes).map(([name, { type, required, optional, computed }]) => ({
      name,
      type: Buffer.from(JSON.stringify(type)),
      required: required ?? false,
      optional: optional ?? false,
      computed: computed ?? false,
    })),
    block_types: Object.entries(blocks).map(([name, { nesting, min, max, block }]) => ({
      type_name: name,
      block: wireBlock(block),
      nesting: NESTING[nesting],
      // Zero is no bound.
      min_items: min ?? 0,
      max_items: max ?? 0,
    })),
  };
}
