import { posix } from 'node:path';
import type { HclFile } from '../hcl/file.ts';
import { type Block, constantString, type Expression } from '../hcl/syntax.ts';
import type { ProviderSchema } from '../schema/schema.ts';
import { type Findings, meant } from './finding.ts';
import type { ModuleTypes } from './module-types.ts';
import { checkCondition } from './resources.ts';
import { mismatch, objectType, type Type, typeOfBlock, unknown } from './types.ts';

const anything: Type = objectType([], { open: true });
const overrides = new Set(['override_resource', 'override_data', 'override_module']);

interface At {
  types: ModuleTypes;
  findings: Findings;
  schema: ProviderSchema;
  file: HclFile;
}

/** A `.tftest.hcl` file against the module that it tests. */
export function checkTestFile(at: At & { child: (dir: string) => ModuleTypes | undefined }): void {
  const { types, findings, file, schema } = at;
  const common = file.body.blocks.filter(({ type }) => type === 'variables');
  const given = new Set(common.flatMap(({ body }) => [...body.attributes.keys()]));
  for (const block of common) checkVariables(at, types, block, new Map([['run', unknown]]));
  for (const block of file.body.blocks) {
    if (block.type === 'variables' || block.type === 'test') continue;
    if (block.type === 'run') checkRun(at, block, given);
    else if (block.type === 'mock_provider') for (const mock of block.body.blocks) checkMock(at, mock);
    else if (block.type === 'provider') {
      if (block.labels[0]?.text !== 'aws')
        findings.add('unknown-block', file, block.at, 'the provider is aws');
    } else if (overrides.has(block.type)) checkOverride({ ...at, schema }, types, block);
    else findings.add('unknown-block', file, block.at, `a test file has no block "${block.type}"`);
  }
}

function checkRun(
  at: At & { child: (dir: string) => ModuleTypes | undefined },
  run: Block,
  common: ReadonlySet<string>,
): void {
  const { findings, file } = at;
  const types = moduleOf(at, run);
  if (types === undefined) return;
  const extra = new Map<string, Type>([
    ['run', unknown],
    ['output', types.outputs(types.module.dir)],
  ]);
  const given = new Set(common);
  for (const block of run.body.blocks) {
    if (block.type === 'assert') {
      checkCondition(types, findings, { name: 'assert', file, block }, extra);
    } else if (block.type === 'variables') {
      for (const name of block.body.attributes.keys()) given.add(name);
      checkVariables({ ...at, types }, types, block, new Map([...extra, ['var', anything]]));
    } else if (overrides.has(block.type)) checkOverride(at, types, block);
    else if (block.type !== 'module' && block.type !== 'plan_options') {
      findings.add('unknown-block', file, block.at, `a run block has no block "${block.type}"`);
    }
  }
  const failures = run.body.attributes.get('expect_failures');
  if (failures !== undefined) checkFailures(at, types, failures.value);
  for (const name of run.body.attributes.keys()) {
    if (!['command', 'expect_failures', 'providers', 'state_key', 'parallel'].includes(name)) {
      findings.add('unknown-argument', file, run.at, `a run block has no argument "${name}"`);
    }
  }
  for (const variable of types.module.variables.values()) {
    if (variable.block.body.attributes.has('default') || given.has(variable.name)) continue;
    findings.add(
      'missing-argument',
      file,
      run.at,
      `run "${run.labels[0]?.text}" gives no "${variable.name}"`,
    );
  }
}

function moduleOf(
  at: At & { child: (dir: string) => ModuleTypes | undefined },
  run: Block,
): ModuleTypes | undefined {
  const module = run.body.blocks.find(({ type }) => type === 'module');
  if (module === undefined) return at.types;
  const source = constantString(module.body.attributes.get('source')?.value) ?? '';
  const types = at.child(posix.join(at.types.module.dir, source));
  if (types === undefined)
    at.findings.add('module-source', at.file, module.at, `there is no module in ${source}`);
  return types;
}

function checkVariables(
  { findings, file }: At,
  types: ModuleTypes,
  block: Block,
  extra: Map<string, Type>,
): void {
  const evaluator = types.evaluator(file, extra);
  for (const { name, at, value } of block.body.attributes.values()) {
    const type = evaluator.type(value);
    const { variables } = types.module;
    if (!variables.has(name)) {
      findings.add(
        'unknown-argument',
        file,
        at,
        `${types.module.dir} has no variable "${name}".${meant(name, variables.keys())}`,
      );
      continue;
    }
    const problem = mismatch(type, types.variable(name));
    if (problem !== undefined) findings.add('wrong-type', file, at, `variable "${name}": ${problem}`);
  }
}

function checkFailures({ findings, file }: At, types: ModuleTypes, expression: Expression): void {
  if (expression.kind !== 'tuple') return;
  for (const item of expression.items) {
    const on = item.kind === 'traversal' && item.on.kind === 'name' ? item.on.name : undefined;
    const step = item.kind === 'traversal' ? item.steps[0] : undefined;
    const name = step?.kind === 'name' ? step.name : '';
    if (on === 'output' && types.module.outputs.has(name)) continue;
    if (on === 'check' || on === undefined) continue;
    if (on === 'output') findings.add('unresolved', file, item.at, `there is no output "${name}"`);
    else types.evaluator(file).type(item);
  }
}

function checkMock({ findings, file, schema, types }: At, mock: Block): void {
  if (overrides.has(mock.type)) return;
  const [label] = mock.labels;
  const name = label?.text ?? '';
  const known = mock.type === 'mock_data' ? schema.data[name] : schema.resources[name];
  if (mock.type !== 'mock_data' && mock.type !== 'mock_resource') {
    findings.add('unknown-block', file, mock.at, `mock_provider has no block "${mock.type}"`);
  } else if (known === undefined) {
    findings.add('unknown-resource', file, mock.at, `${mock.type} "${name}" is not in the schema file`);
  } else {
    const defaults = mock.body.attributes.get('defaults');
    if (defaults === undefined) return;
    const value = types.evaluator(file, new Map([['var', anything]])).type(defaults.value);
    checkMembers(findings, file, defaults.at, value, typeOfBlock(known), name);
  }
}

function checkOverride(
  { findings, file, schema, types: tested }: At,
  types: ModuleTypes,
  block: Block,
): void {
  const target = block.body.attributes.get('target');
  const values = block.body.attributes.get(block.type === 'override_module' ? 'outputs' : 'values');
  if (target === undefined) {
    findings.add('missing-argument', file, block.at, `${block.type} needs a target`);
    return;
  }
  const root =
    target.value.kind === 'traversal' && target.value.on.kind === 'name' ? target.value.on.name : '';
  const steps = target.value.kind === 'traversal' ? target.value.steps : [];
  const names = steps.flatMap((step) => (step.kind === 'name' ? [step.name] : []));
  if (values === undefined) return;
  const value = tested.evaluator(file, new Map([['var', anything]])).type(values.value);
  if (block.type === 'override_module') {
    const call = types.module.calls.get(names[0] ?? '');
    const child = call === undefined ? undefined : types.childOf(call);
    if (child === undefined) findings.add('unresolved', file, target.at, `there is no module "${names[0]}"`);
    else checkMembers(findings, file, values.at, value, child.outputs(child.module.dir), child.module.dir);
    return;
  }
  if (root === 'module') return;
  const data = root === 'data';
  const key = data ? `${names[0]}.${names[1]}` : `${root}.${names[0]}`;
  const found = (data ? types.module.data : types.module.resources).get(key);
  const known = (data ? schema.data : schema.resources)[found?.type ?? ''];
  if (found === undefined)
    findings.add('unresolved', file, target.at, `there is no ${data ? 'data source' : 'resource'} "${key}"`);
  else if (known !== undefined)
    checkMembers(findings, file, values.at, value, typeOfBlock(known), found.type);
}

function checkMembers(
  findings: Findings,
  file: HclFile,
  at: number,
  value: Type,
  wanted: Type,
  name: string,
): void {
  if (value.kind !== 'object' || wanted.kind !== 'object') return;
  for (const [key, type] of value.members) {
    const member = wanted.members.get(key);
    if (member === undefined) {
      findings.add(
        'unknown-argument',
        file,
        at,
        `${name} has no attribute "${key}".${meant(key, wanted.members.keys())}`,
      );
      continue;
    }
    const problem = mismatch(type, member);
    if (problem !== undefined) findings.add('wrong-type', file, at, `${name}.${key}: ${problem}`);
  }
}
