import { type Block, type NestedBlock, PROVIDER_BLOCK, type SchemaFile } from './schema.ts';

interface WireSchema {
  readonly version: number;
  readonly block: WireBlock;
}

interface WireBlock {
  readonly attributes: readonly object[];
  readonly block_types: readonly object[];
}

const NESTING = { single: 'SINGLE', list: 'LIST', set: 'SET' } as const satisfies Record<
  NestedBlock['nesting'],
  string
>;

/** The answer to GetProviderSchema. */
export function wireProviderSchema(schema: SchemaFile): object {
  return {
    provider: wireSchema(PROVIDER_BLOCK),
    resource_schemas: mapped(schema.resources),
    data_source_schemas: mapped(schema.data),
  };
}

function mapped(blocks: Readonly<Record<string, Block>>): Record<string, WireSchema> {
  return Object.fromEntries(Object.entries(blocks).map(([name, block]) => [name, wireSchema(block)]));
}

function wireSchema(block: Block): WireSchema {
  return { version: 0, block: wireBlock(block) };
}

function wireBlock({ attributes, blocks }: Block): WireBlock {
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
      // Bounds of one block are in its nesting.
      min_items: nesting === 'single' ? 0 : (min ?? 0),
      max_items: nesting === 'single' ? 0 : (max ?? 0),
    })),
  };
}
