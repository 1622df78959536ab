/** What a provider takes and gives: the JSON of `tools/infra/schema/`, extracted from a package. */
export interface SchemaFile {
  /** Version of the provider. */
  readonly provider: string;
  /** Package that the schema was read from. */
  readonly source: string;
  readonly resources: Readonly<Record<string, Block>>;
  readonly data: Readonly<Record<string, Block>>;
}

export interface Block {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly blocks: Readonly<Record<string, NestedBlock>>;
}

export interface Attribute {
  readonly type: Type;
  readonly required?: boolean;
  readonly optional?: boolean;
  readonly computed?: boolean;
}

export interface NestedBlock {
  readonly nesting: 'list' | 'set' | 'single';
  readonly min?: number;
  readonly max?: number;
  readonly block: Block;
}

export type Type =
  | 'string'
  | 'number'
  | 'bool'
  | readonly ['list' | 'set' | 'map', Type]
  | readonly ['object', Readonly<Record<string, Type>>];

const text: Attribute = { type: 'string', optional: true };
const flag: Attribute = { type: 'bool', optional: true };
const texts: Attribute = { type: ['set', 'string'], optional: true };
const tags: Attribute = { type: ['map', 'string'], optional: true };

/** The provider's own block, as far as our examples may use it. The rest (keys, endpoints) has no place in them. */
export const PROVIDER_BLOCK: Block = {
  attributes: {
    region: text,
    profile: text,
    max_retries: { type: 'number', optional: true },
    retry_mode: text,
    allowed_account_ids: texts,
    forbidden_account_ids: texts,
    use_fips_endpoint: flag,
    skip_credentials_validation: flag,
    skip_metadata_api_check: text,
    skip_region_validation: flag,
    skip_requesting_account_id: flag,
  },
  blocks: {
    assume_role: {
      nesting: 'list',
      block: {
        attributes: { role_arn: text, session_name: text, external_id: text, duration: text },
        blocks: {},
      },
    },
    default_tags: { nesting: 'list', max: 1, block: { attributes: { tags }, blocks: {} } },
    ignore_tags: {
      nesting: 'list',
      max: 1,
      block: { attributes: { keys: texts, key_prefixes: texts }, blocks: {} },
    },
  },
};
