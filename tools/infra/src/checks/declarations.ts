import { constantString } from '../hcl/syntax.ts';
import { type Findings, meant } from './finding.ts';
import type { Declared, Module } from './module.ts';
import type { ModuleTypes } from './module-types.ts';
import { checkCondition, checkRepetition } from './resources.ts';
import { declaredType, mismatch } from './types.ts';

const variableArguments = ['description', 'type', 'default', 'nullable', 'sensitive', 'ephemeral'];
const outputArguments = ['description', 'value', 'sensitive', 'ephemeral', 'depends_on'];
const moduleArguments = ['source', 'version', 'providers', 'count', 'for_each', 'depends_on'];

export function checkVariable(types: ModuleTypes, findings: Findings, variable: Declared): void {
  const { name, file, block } = variable;
  const { attributes } = block.body;
  const say = (rule: string, at: number, message: string): void =>
    findings.add(rule, file, at, `variable "${name}" ${message}`);
  onlyArguments(findings, variable, variableArguments, ['validation']);
  checkDescription(findings, variable);
  const written = attributes.get('type');
  if (written === undefined) say('untyped', block.at, 'has no type');
  else if (declaredType(written.value) === undefined)
    say('untyped', written.at, 'has a type that Terraform does not know');
  const type = types.variable(name);
  const given = attributes.get('default');
  if (given !== undefined) {
    const value = types.evaluator(file).type(given.value);
    const problem = mismatch(value, type);
    if (problem !== undefined)
      say('wrong-type', given.at, `has a default that does not fit its type: ${problem}`);
    if (value.kind === 'null' && isFalse(attributes.get('nullable')?.value)) {
      say('nullable', given.at, 'has the default null and says nullable = false');
    }
  }
  checkOptionalDefaults(types, findings, variable);
  const nullMeansSomething =
    (given?.value.kind === 'literal' && given.value.value === null) ||
    /\bnull\b/.test(constantString(attributes.get('description')?.value) ?? '');
  if (!nullMeansSomething && !isFalse(attributes.get('nullable')?.value)) {
    say(
      'nullable',
      block.at,
      'would take null, and its description does not say what that means: say nullable = false',
    );
  }
  const validations = block.body.blocks.filter((inner) => inner.type === 'validation');
  if (name === 'name' && validations.length === 0)
    say('validation', block.at, 'prefixes every name and has no validation');
  for (const validation of validations) {
    checkCondition(types, findings, { name: 'validation', file, block: validation }, new Map());
  }
}

/** The second argument of `optional(type, default)`. */
function checkOptionalDefaults(types: ModuleTypes, findings: Findings, { file, block }: Declared): void {
  const visit = (expression: Parameters<typeof declaredType>[0]): void => {
    if (expression.kind === 'object') for (const { value } of expression.items) visit(value);
    if (expression.kind !== 'call') return;
    const [type, given] = expression.args;
    if (expression.name === 'optional' && type !== undefined && given !== undefined) {
      const wanted = declaredType(type);
      const problem = wanted === undefined ? undefined : mismatch(types.evaluator(file).type(given), wanted);
      if (problem !== undefined)
        findings.add('wrong-type', file, given.at, `the default of optional(): ${problem}`);
    }
    if (type !== undefined) visit(type);
  };
  const written = block.body.attributes.get('type');
  if (written !== undefined) visit(written.value);
}

export function checkOutput(types: ModuleTypes, findings: Findings, output: Declared): void {
  const { name, file, block } = output;
  onlyArguments(findings, output, outputArguments, ['precondition']);
  checkDescription(findings, output);
  const value = block.body.attributes.get('value');
  if (value === undefined) findings.add('missing-argument', file, block.at, `output "${name}" has no value`);
  else types.evaluator(file).type(value.value);
  for (const inner of block.body.blocks) {
    if (inner.type === 'precondition')
      checkCondition(types, findings, { name, file, block: inner }, new Map());
  }
  const dependsOn = block.body.attributes.get('depends_on');
  if (dependsOn !== undefined) types.evaluator(file).type(dependsOn.value);
}

export function checkCall(types: ModuleTypes, findings: Findings, call: Declared): void {
  const { name, file, block } = call;
  const { attributes } = block.body;
  const source = constantString(attributes.get('source')?.value);
  const child = types.childOf(call);
  if (source === undefined) findings.add('module-source', file, block.at, `module "${name}" has no source`);
  else if (child === undefined) {
    findings.add('module-source', file, block.at, `module "${name}": there is no module in ${source}`);
  }
  checkRepetition(types, findings, call);
  const evaluator = types.evaluator(file, types.extraOf(call));
  for (const attribute of attributes.values()) {
    if (moduleArguments.includes(attribute.name)) continue;
    const value = evaluator.type(attribute.value);
    if (child === undefined) continue;
    const variable = child.module.variables.get(attribute.name);
    if (variable === undefined) {
      findings.add(
        'unknown-argument',
        file,
        attribute.at,
        `${child.module.dir} has no variable "${attribute.name}".${meant(attribute.name, child.module.variables.keys())}`,
      );
      continue;
    }
    const problem = mismatch(value, child.variable(attribute.name));
    if (problem !== undefined) {
      findings.add(
        'wrong-type',
        file,
        attribute.at,
        `module "${name}", variable "${attribute.name}": ${problem}`,
      );
    }
  }
  for (const inner of block.body.blocks) {
    findings.add('unknown-block', file, inner.at, `a module block has no block "${inner.type}"`);
  }
  for (const variable of child?.module.variables.values() ?? []) {
    if (variable.block.body.attributes.has('default') || attributes.has(variable.name)) continue;
    findings.add(
      'missing-argument',
      file,
      block.at,
      `module "${name}" needs "${variable.name}" (${child?.module.dir})`,
    );
  }
}

const requiredVersion = '>= 1.11';
const provider = { source: 'hashicorp/aws', version: '~> 6.25' };

export function checkVersions(module: Module, findings: Findings): void {
  const [file] = module.files;
  const blocks = module.others.filter(({ block }) => block.type === 'terraform');
  const [found] = blocks;
  if (found === undefined) {
    if (file !== undefined)
      findings.add('versions', file, 0, `${module.dir} pins no versions: it needs a versions.tf`);
    return;
  }
  const say = (at: number, message: string): void => findings.add('versions', found.file, at, message);
  const version = found.block.body.attributes.get('required_version');
  if (constantString(version?.value) !== requiredVersion) {
    say(version?.at ?? found.block.at, `required_version must be "${requiredVersion}"`);
  }
  const providers = found.block.body.blocks.find(({ type }) => type === 'required_providers');
  for (const { name, at, value } of providers?.body.attributes.values() ?? []) {
    if (name !== 'aws') say(at, `the provider "${name}" is not one of ours: only hashicorp/aws is`);
    if (value.kind !== 'object') continue;
    for (const [key, wanted] of Object.entries(provider)) {
      const item = value.items.find((other) => other.key.kind === 'name' && other.key.name === key);
      if (constantString(item?.value) !== wanted)
        say(at, `required_providers.aws.${key} must be "${wanted}"`);
    }
  }
  if (providers?.body.attributes.has('aws') !== true)
    say(found.block.at, 'required_providers does not name aws');
}

export function checkMoved(types: ModuleTypes, findings: Findings, { file, block }: Declared): void {
  const to = block.body.attributes.get('to');
  if (to === undefined || !block.body.attributes.has('from')) {
    findings.add('missing-argument', file, block.at, 'moved needs "from" and "to"');
    return;
  }
  types
    .evaluator(file)
    .type(to.value.kind === 'traversal' ? { ...to.value, steps: to.value.steps.slice(0, 1) } : to.value);
}

export function checkUnused(types: ModuleTypes, findings: Findings): void {
  const { module, used } = types;
  for (const { name, file, block } of module.variables.values()) {
    if (!used.has(`var.${name}`)) findings.add('unused', file, block.at, `variable "${name}" is not used`);
  }
  for (const [name, { file, attribute }] of module.locals) {
    if (!used.has(`local.${name}`)) findings.add('unused', file, attribute.at, `local "${name}" is not used`);
  }
  for (const [key, { file, block }] of module.data) {
    if (!used.has(`data.${key}`)) findings.add('unused', file, block.at, `data source "${key}" is not used`);
  }
}

function checkDescription(findings: Findings, { name, file, block }: Declared): void {
  const text = constantString(block.body.attributes.get('description')?.value);
  if (text === undefined || text.trim() === '') {
    findings.add('undescribed', file, block.at, `${block.type} "${name}" has no description`);
  }
}

function onlyArguments(
  findings: Findings,
  { name, file, block }: Declared,
  known: readonly string[],
  blocks: readonly string[],
): void {
  for (const attribute of block.body.attributes.values()) {
    if (!known.includes(attribute.name)) {
      findings.add(
        'unknown-argument',
        file,
        attribute.at,
        `${block.type} "${name}" has no argument "${attribute.name}".${meant(attribute.name, known)}`,
      );
    }
  }
  for (const inner of block.body.blocks) {
    if (!blocks.includes(inner.type)) {
      findings.add('unknown-block', file, inner.at, `${block.type} "${name}" has no block "${inner.type}"`);
    }
  }
}

function isFalse(expression: { kind: string; value?: unknown } | undefined): boolean {
  return expression?.kind === 'literal' && expression.value === false;
}
