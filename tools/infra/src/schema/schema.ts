import { readFileSync } from 'node:fs';

/** A Terraform type as the schema file writes it. */
export type SchemaType =
  | 'string'
  | 'number'
  | 'bool'
  | 'dynamic'
  | ['list' | 'set' | 'map', SchemaType]
  | ['object', Record<string, SchemaType>];

export interface SchemaAttribute {
  type: SchemaType;
  required?: true;
  optional?: true;
  computed?: true;
}

export interface SchemaNestedBlock {
  nesting: 'list' | 'set' | 'single';
  min?: 1;
  max?: 1;
  block: SchemaBlock;
}

export interface SchemaBlock {
  attributes: Record<string, SchemaAttribute>;
  blocks: Record<string, SchemaNestedBlock>;
}

/** What is known of `hashicorp/aws`: only the types that infra/ uses, taken from a package (see README.md). */
export interface ProviderSchema {
  /** Version of the provider, e.g. `6.25.0`. */
  provider: string;
  /** The npm package it was taken from. */
  source: string;
  /** The `provider "aws"` block itself. */
  configuration: SchemaBlock;
  resources: Record<string, SchemaBlock>;
  data: Record<string, SchemaBlock>;
}

export const schemaFile: URL = new URL('../../schema/aws-6.25.0.json', import.meta.url);

export function readSchema(file: URL = schemaFile): ProviderSchema {
  return JSON.parse(readFileSync(file, 'utf8')) as ProviderSchema;
}
