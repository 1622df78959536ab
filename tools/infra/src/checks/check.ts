import { existsSync, readdirSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { type ProviderSchema, readSchema } from '../schema/schema.ts';
import { checkArguments } from './arguments.ts';
import { checkConventions } from './conventions.ts';
import { checkCycles } from './cycles.ts';
import {
  checkCall,
  checkMoved,
  checkOutput,
  checkUnused,
  checkVariable,
  checkVersions,
} from './declarations.ts';
import { type Finding, Findings } from './finding.ts';
import { checkLayout } from './layout.ts';
import { loadModule, type Module } from './module.ts';
import { ModuleTypes } from './module-types.ts';
import { checkResource } from './resources.ts';
import { checkTestFile } from './test-files.ts';

export interface Checked {
  modules: Module[];
  findings: Finding[];
}

/** Everything that can be said about the Terraform below a folder without Terraform and without the provider. */
export async function checkInfra(
  root: string,
  folder = 'infra',
  schema: ProviderSchema = readSchema(),
): Promise<Checked> {
  const findings = new Findings();
  const all = new Map<string, ModuleTypes>();
  const child = (dir: string): ModuleTypes | undefined => all.get(dir);
  for (const dir of moduleFolders(root, folder)) {
    all.set(dir, new ModuleTypes(loadModule(root, dir, findings), findings, schema, child));
  }
  for (const types of all.values()) {
    checkModule(types, schema, findings);
    for (const file of types.module.tests) checkTestFile({ types, findings, schema, file, child });
    for (const file of [...types.module.files, ...types.module.tests]) await checkLayout(file, findings);
  }
  return { modules: [...all.values()].map(({ module }) => module), findings: sorted(findings.list) };
}

function checkModule(types: ModuleTypes, schema: ProviderSchema, findings: Findings): void {
  const { module } = types;
  for (const variable of module.variables.values()) checkVariable(types, findings, variable);
  for (const name of module.locals.keys()) types.local(name);
  for (const resource of [...module.data.values(), ...module.resources.values()]) {
    checkResource(types, schema, findings, resource);
  }
  for (const call of module.calls.values()) checkCall(types, findings, call);
  for (const output of module.outputs.values()) checkOutput(types, findings, output);
  for (const other of module.others) {
    const { file, block } = other;
    if (block.type === 'moved') checkMoved(types, findings, other);
    if (block.type === 'provider' && other.name === 'aws') {
      const at = {
        types,
        findings,
        file,
        path: 'provider "aws"',
        mode: 'provider' as const,
        extra: new Map(),
      };
      checkArguments(at, block.body, schema.configuration, block.at, false);
    }
  }
  checkCycles(module, findings);
  checkVersions(module, findings);
  checkUnused(types, findings);
  checkConventions(module, findings);
}

/** Folders with Terraform in them; what `terraform init` leaves is not ours. */
export function moduleFolders(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const folders = new Set<string>();
  for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
    const path = posix.join(folder, entry.split(sep).join('/'));
    if (path.endsWith('.tf') && !path.includes('/.terraform/')) folders.add(posix.dirname(path));
  }
  return [...folders].sort();
}

function sorted(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) =>
    a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
  );
}
