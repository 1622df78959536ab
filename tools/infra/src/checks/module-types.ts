import { posix } from 'node:path';
import type { HclFile } from '../hcl/file.ts';
import { constantString, type Of, type Step } from '../hcl/syntax.ts';
import type { ProviderSchema } from '../schema/schema.ts';
import { Evaluator, pathType, type Resolved } from './evaluate.ts';
import { checkFileFunction } from './file-functions.ts';
import { type Findings, meant } from './finding.ts';
import type { Declared, Module, Resource } from './module.ts';
import {
  declaredType,
  either,
  elementsOf,
  number,
  objectType,
  string,
  type Type,
  typeOfBlock,
  unknown,
} from './types.ts';

/** What `each`, `count`, `self` and loop variables stand for at a place. */
export type Extra = ReadonlyMap<string, Type>;

/** Types of everything that a module declares, found when asked for, and what was asked for. */
export class ModuleTypes {
  readonly module: Module;
  readonly #findings: Findings;
  readonly #schema: ProviderSchema;
  readonly #child: (dir: string) => ModuleTypes | undefined;
  readonly #known = new Map<string, Type>();
  /** `var.name`, `local.x`, `data.aws_x.y`, … that something refers to. */
  readonly used: Set<string> = new Set();
  #within: string | undefined;

  constructor(
    module: Module,
    findings: Findings,
    schema: ProviderSchema,
    child: (dir: string) => ModuleTypes | undefined,
  ) {
    this.module = module;
    this.#findings = findings;
    this.#schema = schema;
    this.#child = child;
  }

  evaluator(file: HclFile, extra: Extra = new Map()): Evaluator {
    return new Evaluator({
      file,
      findings: this.#findings,
      resolve: (root, steps) => this.#resolve(root, steps, extra),
      call: (call: Of<'call'>, args) => checkFileFunction(this.module, file, this.#findings, call, args),
    });
  }

  variable(name: string): Type {
    return this.#once(`var.${name}`, () => {
      const type = this.module.variables.get(name)?.block.body.attributes.get('type');
      return (type === undefined ? undefined : declaredType(type.value)) ?? unknown;
    });
  }

  local(name: string): Type {
    return this.#once(`local.${name}`, () => {
      const local = this.module.locals.get(name);
      return local === undefined ? unknown : this.evaluator(local.file).type(local.attribute.value);
    });
  }

  output(name: string): Type {
    return this.#once(`output.${name}`, () => {
      const output = this.module.outputs.get(name);
      const value = output?.block.body.attributes.get('value');
      const type =
        output === undefined || value === undefined ? unknown : this.evaluator(output.file).type(value.value);
      return type.kind === 'object' ? { ...type, fresh: undefined as never } : type;
    });
  }

  /** All outputs, as the caller sees them. */
  outputs(called: string): Type {
    return objectType(
      [...this.module.outputs.keys()].map((name) => [name, this.output(name)]),
      { called },
    );
  }

  resource(resource: Resource): Type {
    return this.#once(`${resource.mode}.${resource.type}.${resource.name}`, () => {
      const block = (resource.mode === 'data' ? this.#schema.data : this.#schema.resources)[resource.type];
      return this.#instances(resource, block === undefined ? unknown : typeOfBlock(block, resource.type));
    });
  }

  /** One instance of a managed resource, as `self` in a postcondition. */
  bare(type: string): Type {
    const block = this.#schema.resources[type] ?? this.#schema.data[type];
    return block === undefined ? unknown : typeOfBlock(block, type);
  }

  call(call: Declared): Type {
    return this.#once(`module.${call.name}`, () => {
      const child = this.childOf(call);
      return this.#instances(call, child?.outputs(child.module.dir) ?? unknown);
    });
  }

  childOf(call: Declared): ModuleTypes | undefined {
    const source = constantString(call.block.body.attributes.get('source')?.value);
    if (source === undefined || !source.startsWith('.')) return undefined;
    return this.#child(posix.join(this.module.dir, source));
  }

  /** `each` and `count` inside of a block that may have for_each or count. */
  extraOf(declared: Declared): Map<string, Type> {
    const extra = new Map<string, Type>();
    const forEach = declared.block.body.attributes.get('for_each');
    if (forEach !== undefined) {
      const of = this.evaluator(declared.file).type(forEach.value);
      const value =
        of.kind === 'object'
          ? [...of.members.values()].reduce<Type>(either, { kind: 'null' })
          : (elementsOf(of) ?? unknown);
      extra.set(
        'each',
        objectType([
          ['key', string],
          ['value', value.kind === 'null' ? unknown : value],
        ]),
      );
    }
    if (declared.block.body.attributes.has('count')) extra.set('count', objectType([['index', number]]));
    return extra;
  }

  #instances(declared: Declared, of: Type): Type {
    const { attributes } = declared.block.body;
    if (attributes.has('for_each')) return { kind: 'instances', of, by: 'for_each' };
    return attributes.has('count') ? { kind: 'instances', of, by: 'count' } : of;
  }

  #once(key: string, find: () => Type): Type {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#known.set(key, unknown);
    const within = this.#within;
    this.#within = key;
    try {
      const type = find();
      this.#known.set(key, type);
      return type;
    } finally {
      this.#within = within;
    }
  }

  #resolve(root: string, steps: readonly Step[], extra: Extra): Resolved {
    const given = extra.get(root);
    if (given !== undefined) return { type: given, used: 0 };
    const [first, second] = steps.map((step) => (step.kind === 'name' ? step.name : undefined));
    switch (root) {
      case 'path':
        return { type: pathType, used: 0 };
      case 'terraform':
        return {
          type: objectType([
            ['workspace', string],
            ['applying', unknown],
          ]),
          used: 0,
        };
      case 'each':
        return { problem: '"each" has a meaning only in a block with for_each' };
      case 'count':
        return { problem: '"count" has a meaning only in a block with count' };
      case 'self':
        return { problem: '"self" has a meaning only in a postcondition' };
      case 'var':
        return this.#declared('variable', this.module.variables, 'var', first, (name) => this.variable(name));
      case 'local':
        return this.#declared('local value', this.module.locals, 'local', first, (name) => this.local(name));
      case 'module':
        return this.#declared('module call', this.module.calls, 'module', first, (_, call) =>
          this.call(call),
        );
      case 'data':
        if (second === undefined) return { problem: '"data" needs a type and a name' };
        return withOneMore(
          this.#declared('data source', this.module.data, 'data', `${first}.${second}`, (_, found) =>
            this.resource(found),
          ),
        );
      default: {
        if (first === undefined) return { problem: `"${root}" is not a name that Terraform knows here` };
        if (!root.includes('_')) {
          return {
            problem: `"${root}" is neither a resource nor var, local, module, data, each, count, path or self`,
          };
        }
        return this.#declared('resource', this.module.resources, '', `${root}.${first}`, (_, found) =>
          this.resource(found),
        );
      }
    }
  }

  #declared<T>(
    what: string,
    all: ReadonlyMap<string, T>,
    prefix: string,
    name: string | undefined,
    type: (name: string, found: T) => Type,
  ): Resolved {
    if (name === undefined) return { problem: `a name is expected after "${prefix}"` };
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const found = all.get(name);
    if (found === undefined) {
      return { problem: `There is no ${what} "${name}" in ${this.module.dir}.${meant(name, all.keys())}` };
    }
    // A local that only refers to itself is not used.
    if (this.#within !== key) this.used.add(key);
    return { type: type(name, found), used: 1 };
  }
}

function withOneMore(resolved: Resolved): Resolved {
  return 'problem' in resolved ? resolved : { ...resolved, used: resolved.used + 1 };
}
