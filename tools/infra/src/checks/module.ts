import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { HclSyntaxError } from '../hcl/cursor.ts';
import { type HclFile, parseHcl } from '../hcl/file.ts';
import type { Attribute, Block } from '../hcl/syntax.ts';
import type { Findings } from './finding.ts';

export interface Declared {
  name: string;
  file: HclFile;
  block: Block;
}

/** A resource or data source. */
export interface Resource extends Declared {
  type: string;
  mode: 'resource' | 'data';
}

interface FileRead {
  file: HclFile;
  at: number;
  /** Files that the name may mean. */
  paths: string[];
  /** Whether the name is written out in full. */
  exact: boolean;
  /** Names of the variables that a template gets, where they are known. */
  given?: ReadonlySet<string>;
}

/** One directory of Terraform: what its files declare. */
export interface Module {
  /** Relative to the workspace, with `/`: `infra/modules/network`. */
  dir: string;
  /** Where the workspace is. */
  root: string;
  files: HclFile[];
  tests: HclFile[];
  variables: Map<string, Declared>;
  outputs: Map<string, Declared>;
  locals: Map<string, { file: HclFile; attribute: Attribute }>;
  /** By `aws_vpc.this`. */
  resources: Map<string, Resource>;
  data: Map<string, Resource>;
  calls: Map<string, Declared>;
  others: Declared[];
  /** Calls of functions that read files, as they were seen. */
  reads: FileRead[];
}

const labelsOf: Record<string, number> = {
  variable: 1,
  output: 1,
  locals: 0,
  resource: 2,
  data: 2,
  module: 1,
  terraform: 0,
  provider: 1,
  moved: 0,
  removed: 0,
  import: 0,
  check: 1,
};

export function loadModule(root: string, dir: string, findings: Findings): Module {
  const read = (path: string): HclFile[] => {
    const text = readFileSync(join(root, path), 'utf8');
    try {
      return [parseHcl(path, text)];
    } catch (error) {
      if (!(error instanceof HclSyntaxError)) throw error;
      findings.add('syntax', { path, text }, error.offset, error.message);
      return [];
    }
  };
  const list = (folder: string, end: string): string[] =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder))
          .filter((file) => file.endsWith(end))
          .sort()
          .map((file) => posix.join(folder, file))
      : [];
  const module: Module = {
    dir,
    root,
    files: list(dir, '.tf').flatMap(read),
    tests: [...list(dir, '.tftest.hcl'), ...list(posix.join(dir, 'tests'), '.tftest.hcl')].flatMap(read),
    variables: new Map(),
    outputs: new Map(),
    locals: new Map(),
    resources: new Map(),
    data: new Map(),
    calls: new Map(),
    others: [],
    reads: [],
  };
  for (const file of module.files)
    for (const block of file.body.blocks) declare(module, file, block, findings);
  for (const file of module.files) {
    for (const { name, at } of file.body.attributes.values()) {
      findings.add('unknown-block', file, at, `"${name}" stands outside of any block`);
    }
  }
  return module;
}

function declare(module: Module, file: HclFile, block: Block, findings: Findings): void {
  const labels = labelsOf[block.type];
  if (labels === undefined) {
    findings.add('unknown-block', file, block.at, `Terraform has no block "${block.type}"`);
    return;
  }
  if (block.labels.length !== labels) {
    findings.add(
      'unknown-block',
      file,
      block.at,
      `"${block.type}" takes ${labels} labels, not ${block.labels.length}`,
    );
    return;
  }
  const [first = '', second = ''] = block.labels.map(({ text }) => text);
  const add = <T extends Declared>(map: Map<string, T>, key: string, declared: T): void => {
    if (map.has(key)) findings.add('duplicate', file, block.at, `${block.type} "${key}" is declared twice`);
    map.set(key, declared);
  };
  switch (block.type) {
    case 'variable':
      add(module.variables, first, { name: first, file, block });
      return;
    case 'output':
      add(module.outputs, first, { name: first, file, block });
      return;
    case 'module':
      add(module.calls, first, { name: first, file, block });
      return;
    case 'resource':
    case 'data': {
      const map = block.type === 'data' ? module.data : module.resources;
      add(map, `${first}.${second}`, { name: second, type: first, mode: block.type, file, block });
      return;
    }
    case 'locals':
      for (const attribute of block.body.attributes.values()) {
        if (module.locals.has(attribute.name)) {
          findings.add('duplicate', file, attribute.at, `local "${attribute.name}" is declared twice`);
        }
        module.locals.set(attribute.name, { file, attribute });
      }
      return;
    default:
      module.others.push({ name: first, file, block });
  }
}
