import type { SchemaAttribute, SchemaBlock, SchemaNestedBlock, SchemaType } from './schema.ts';

/**
 * Reads a provider type's schema out of the TypeScript that `cdktf provider-generator` wrote from it. The generator
 * got `terraform providers schema -json` and kept, in this order of use here: a comment with computed, optional and required
 * above each property; "x block" in the documentation of a property that is a nested block; and the shape of each
 * value in `synthesizeHclAttributes` or, for what is computed only, in the getter.
 */
export interface Extracted {
  /** e.g. `aws_vpc`, or `aws` for the provider block. */
  type: string;
  kind: 'resource' | 'data' | 'provider';
  block: SchemaBlock;
}

interface Shape {
  shape: 'simple' | 'list' | 'set' | 'map' | 'struct';
  /** `string`, `stringList`, `stringMap`, or the name of a struct with or without `List`. */
  storage: string;
}

interface Property {
  name: string;
  flags: Pick<SchemaAttribute, 'required' | 'optional' | 'computed'>;
  code: string;
}

const primitives: Record<string, SchemaType> = {
  string: 'string',
  number: 'number',
  boolean: 'bool',
  any: 'dynamic',
};

/** The JavaScript of the package is compiled by jsii with its sources inside the source map. */
export function sourceInside(javascript: string): string {
  const encoded = /\/\/# sourceMappingURL=data:application\/json;[^,]*base64,([A-Za-z0-9+/=]+)/.exec(
    javascript,
  );
  if (encoded === null) throw new Error('The file carries no source map.');
  const map = JSON.parse(Buffer.from(encoded[1] ?? '', 'base64').toString('utf8')) as {
    sourcesContent?: string[];
  };
  const source = map.sourcesContent?.[0];
  if (source === undefined) throw new Error('The source map carries no source.');
  return source;
}

export function extract(source: string): Extracted {
  const main =
    /export class (\w+) extends cdktf\.Terraform(Resource|DataSource|Provider) \{[\s\S]*?tfResourceType = "(\w+)"/.exec(
      source,
    );
  if (main === null) throw new Error('There is no resource, data source or provider in this source.');
  const [, className, base, type] = main as unknown as [string, string, string, string];
  const reader = new Reader(source);
  return {
    type,
    kind: base === 'Resource' ? 'resource' : base === 'DataSource' ? 'data' : 'provider',
    block: reader.block(className, `${className}Config`, 'synthesizeHclAttributes'),
  };
}

class Reader {
  readonly #source: string;

  constructor(source: string) {
    this.#source = `\n${source}`;
  }

  block(className: string, interfaceName: string, synthesis: string): SchemaBlock {
    const attributes: Record<string, SchemaAttribute> = {};
    const blocks: Record<string, SchemaNestedBlock> = {};
    const properties = this.#properties(className, interfaceName);
    const shapes = shapesIn(
      synthesis === 'synthesizeHclAttributes'
        ? this.#part(classStart(className))
        : this.#part(`export function ${synthesis}(`),
    );
    const nested = this.#blockNames(interfaceName);
    for (const property of properties) {
      const shape = shapes.get(property.name) ?? shapeOfGetter(property);
      if (nested.has(property.name)) blocks[property.name] = this.#nestedBlock(property, shape);
      else attributes[property.name] = { type: this.#type(property, shape), ...property.flags };
    }
    for (const name of [...shapes.keys(), ...nested]) {
      if (!(name in attributes) && !(name in blocks))
        throw new Error(`${className}: ${name} has no property`);
    }
    return { attributes: sorted(attributes), blocks: sorted(blocks) };
  }

  #nestedBlock(property: Property, shape: Shape): SchemaNestedBlock {
    const { struct, many } = structOf(property);
    const block = this.block(`${struct}OutputReference`, struct, `${lowerFirst(struct)}ToHclTerraform`);
    return {
      nesting: shape.shape === 'struct' ? 'single' : shape.shape === 'set' ? 'set' : 'list',
      ...(property.flags.required === true ? { min: 1 } : {}),
      ...(many || shape.shape === 'struct' ? {} : { max: 1 }),
      block,
    };
  }

  #type(property: Property, { shape, storage }: Shape): SchemaType {
    const primitive = primitives[storage];
    if (shape === 'simple' && primitive !== undefined) return primitive;
    const collection = /^(string|number|boolean|any)(List|Map)$/.exec(storage);
    if (collection !== null) {
      const element = primitives[collection[1] ?? ''] ?? 'dynamic';
      if (collection[2] === 'Map') return ['map', element];
      return [shape === 'set' ? 'set' : 'list', element];
    }
    const { struct } = structOf(property);
    const members = this.#properties(`${struct}OutputReference`, struct);
    const shapes = shapesIn(this.#part(`export function ${lowerFirst(struct)}ToHclTerraform(`));
    const object: SchemaType = [
      'object',
      sorted(
        Object.fromEntries(
          members.map((member) => [
            member.name,
            this.#type(member, shapes.get(member.name) ?? shapeOfGetter(member)),
          ]),
        ),
      ),
    ];
    return shape === 'struct' ? object : [shape === 'simple' ? 'list' : shape, object];
  }

  /** The provider's own nested blocks have no class to read flags from: there the interface says what may be left out. */
  #properties(className: string, interfaceName: string): Property[] {
    if (this.#source.includes(`\n${classStart(className)}`)) {
      return propertiesOf(this.#part(classStart(className)));
    }
    const members = this.#part(`export interface ${interfaceName} {`).matchAll(
      /#(\w+) \w+#\w+\}[\s\S]*?^ {2}readonly \w+(\??): (.*);$/gm,
    );
    return [...members].map(([, name = '', optional, type]) => ({
      name,
      flags: optional === '?' ? { optional: true } : { required: true },
      code: `private _member?: ${type}`,
    }));
  }

  /** From a line to the next `}` in the first column. */
  #part(start: string): string {
    const from = this.#source.indexOf(`\n${start}`);
    if (from < 0) throw new Error(`"${start}" is missing`);
    return this.#source.slice(from, this.#source.indexOf('\n}\n', from + 1) + 1);
  }

  #blockNames(interfaceName: string): Set<string> {
    const part = this.#source.includes(`\nexport interface ${interfaceName} {`)
      ? this.#part(`export interface ${interfaceName} {`)
      : this.#part(`export interface ${interfaceName} extends `);
    return new Set([...part.matchAll(/^ {2}\* (\w+) block$/gm)].map((found) => found[1] ?? ''));
  }
}

function classStart(name: string): string {
  return `export class ${name} extends `;
}

function propertiesOf(body: string): Property[] {
  const marks = [
    ...body.matchAll(
      /^ {2}\/\/ (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\s*$/gm,
    ),
  ];
  return marks.map((mark, index) => {
    const [, name = '', computed, optional, required] = mark;
    return {
      name,
      flags: {
        ...(required === 'true' ? { required: true as const } : {}),
        ...(optional === 'true' ? { optional: true as const } : {}),
        ...(computed === 'true' ? { computed: true as const } : {}),
      },
      code: body.slice(mark.index + mark[0].length, marks[index + 1]?.index ?? body.length),
    };
  });
}

function shapesIn(body: string): Map<string, Shape> {
  const found = body.matchAll(
    /^ {4,6}(\w+): \{\s+value: .*\s+isBlock: (?:true|false),\s+type: "(\w+)",\s+storageClassType: "(\w+)",/gm,
  );
  return new Map(
    [...found].map(([, name = '', shape, storage = '']) => [
      name,
      { shape: shape as Shape['shape'], storage },
    ]),
  );
}

function shapeOfGetter({ name, code }: Property): Shape {
  const getter = /(cdktf\.Fn\.tolist\()?this\.get(\w+)Attribute\('(\w+)'\)/.exec(code);
  if (getter !== null && getter[3] === name) {
    const [, set, kind = ''] = getter;
    const storage = kind === 'List' ? 'stringList' : lowerFirst(kind);
    if (storage.endsWith('Map')) return { shape: 'map', storage };
    if (!storage.endsWith('List')) return { shape: 'simple', storage };
    return { shape: set === undefined ? 'list' : 'set', storage };
  }
  const map = /new cdktf\.(\w+Map)\(this, "(\w+)"\)/.exec(code);
  if (map?.[2] === name) return { shape: 'map', storage: lowerFirst(map[1] ?? '') };
  const complex = /new (\w+?)(OutputReference|List|Map)\(this, "(\w+)"(?:, (true|false))?\)/.exec(code);
  if (complex?.[3] === name) {
    const [, struct = '', kind, , wrapsSet] = complex;
    const shape =
      kind === 'OutputReference' ? 'struct' : kind === 'Map' ? 'map' : wrapsSet === 'true' ? 'set' : 'list';
    return { shape, storage: struct };
  }
  throw new Error(`The shape of ${name} is not understood: ${code.slice(0, 200)}`);
}

/** `many` is false where the generator knew that there is at most one. */
function structOf({ name, code }: Property): { struct: string; many: boolean } {
  const made = /new (\w+?)(OutputReference|List|Map)\(this, "/.exec(code);
  if (made !== null) return { struct: made[1] ?? '', many: made[2] !== 'OutputReference' };
  const field = /private _\w+\?: (\w+)(\[\])?/.exec(code);
  if (field !== null) return { struct: field[1] ?? '', many: field[2] !== undefined };
  throw new Error(`The struct of ${name} is not understood: ${code.slice(0, 200)}`);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function sorted<V>(record: Record<string, V>): Record<string, V> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
