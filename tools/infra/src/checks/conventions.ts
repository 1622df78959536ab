import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { HclFile } from '../hcl/file.ts';
import type { Expression, Of } from '../hcl/syntax.ts';
import { textOf } from './evaluate.ts';
import { checkTemplateVariables } from './file-functions.ts';
import type { Findings } from './finding.ts';
import type { Module } from './module.ts';
import { partsOf, walk, walkBody } from './walk.ts';

/** Attributes that the provider still has and warns about, with what to use instead. */
const deprecated: Record<string, string> = {
  'aws_region.name': 'region',
  'aws_iam_role.inline_policy': 'aws_iam_role_policy',
  'aws_iam_role.managed_policy_arns': 'aws_iam_role_policy_attachment',
};

/** What Terraform would take and a user would regret. */
export function checkConventions(module: Module, findings: Findings): void {
  for (const file of module.files) {
    walkBody(file.body, (expression, argument) => {
      if (expression.kind === 'template' && argument !== 'description' && argument !== 'error_message') {
        checkPartition(findings, file, expression);
        checkIdentifier(findings, file, expression);
      }
      if (argument === 'resource_id') checkIdentifier(findings, file, expression);
      if (expression.kind === 'traversal') checkDeprecated(findings, file, expression);
      if (expression.kind === 'binary') checkShortCircuit(findings, file, expression);
    });
  }
  checkTemplates(module, findings);
  checkTemplateVariables(module, findings);
  for (const { name, file, block } of module.others) {
    if (block.type === 'provider' && module.dir.includes('/modules/')) {
      findings.add(
        'provider-in-module',
        file,
        block.at,
        `a provider "${name}" in a module keeps callers from count, for_each and their own settings`,
      );
    }
  }
}

function checkPartition(findings: Findings, file: HclFile, { parts }: Of<'template'>): void {
  for (const part of parts) {
    if (part.kind === 'text' && /arn:aws(-cn|-us-gov)?:/.test(part.text)) {
      findings.add(
        'partition',
        file,
        part.at,
        'an ARN with the partition written out does not work in China and GovCloud: use data.aws_partition',
      );
    }
  }
}

/** The mistake of the source article: the identifier of a cluster where the resource id belongs. */
function checkIdentifier(findings: Findings, file: HclFile, expression: Expression): void {
  if (expression.kind === 'template') {
    const text = expression.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
    if (!text.includes('dbuser')) return;
  }
  walk(expression, (inner) => {
    if (inner.kind !== 'traversal' || inner.on.kind !== 'name' || inner.on.name !== 'aws_rds_cluster') return;
    const last = inner.steps.at(-1);
    if (last?.kind === 'name' && ['id', 'cluster_identifier'].includes(last.name)) {
      findings.add(
        'identifier',
        file,
        inner.at,
        `${last.name} is the identifier of the cluster, and a policy with it never matches: use cluster_resource_id`,
      );
    }
  });
}

/** Functions that take null, or catch what goes wrong with it. */
const safeWithNull = new Set(['can', 'try', 'coalesce', 'jsonencode', 'yamlencode']);

/** Before 1.12 Terraform evaluates both sides of && and ||, so a test for null on the left protects nothing on the right. */
function checkShortCircuit(findings: Findings, file: HclFile, { operator, left, right }: Of<'binary'>): void {
  if (operator !== '&&' && operator !== '||') return;
  const tested = new Set<string>();
  walk(left, (inner) => {
    if (inner.kind !== 'binary' || !['==', '!='].includes(inner.operator)) return;
    if (inner.right.kind === 'literal' && inner.right.value === null) tested.add(textOf(inner.left));
  });
  const visit = (expression: Expression): void => {
    if (expression.kind === 'call' && safeWithNull.has(expression.name)) return;
    if (expression.kind === 'conditional') return;
    if (expression.kind === 'binary' && ['==', '!=', '&&', '||'].includes(expression.operator)) {
      for (const side of [expression.left, expression.right]) if (!isReference(side)) visit(side);
      return;
    }
    if (expression.kind === 'traversal' || expression.kind === 'name') {
      const text = textOf(expression);
      const name = [...tested].find((other) => text === other || text.startsWith(`${other}.`));
      if (name !== undefined) {
        findings.add(
          'short-circuit',
          file,
          expression.at,
          `${name} may be null here: Terraform 1.11 evaluates both sides of ${operator}. Write ${name} == null ? … : …`,
        );
      }
      return;
    }
    // In a list or an object null is as good as any value.
    const harmless = expression.kind === 'tuple' || expression.kind === 'object';
    for (const inner of partsOf(expression)) if (!harmless || !isReference(inner)) visit(inner);
  };
  visit(right);
}

function isReference(expression: Expression): boolean {
  return expression.kind === 'name' || (expression.kind === 'traversal' && expression.steps.length === 1);
}

function checkDeprecated(findings: Findings, file: HclFile, { on, steps, at }: Of<'traversal'>): void {
  if (on.kind !== 'name') return;
  const names = steps.flatMap((step) => (step.kind === 'name' ? [step.name] : []));
  const [type, attribute] = on.name === 'data' ? [names[0], names[2]] : [on.name, names[1]];
  const instead = deprecated[`${type}.${attribute}`];
  if (instead !== undefined)
    findings.add('deprecated', file, at, `${type}.${attribute} is deprecated: use ${instead}`);
}

/** Policies and documents that nothing reads, and partitions in them. */
function checkTemplates(module: Module, findings: Findings): void {
  const read = new Set(module.reads.flatMap(({ paths }) => paths));
  for (const folder of ['policies', 'documents', 'templates']) {
    const absolute = join(module.root, module.dir, folder);
    if (!existsSync(absolute)) continue;
    for (const entry of readdirSync(absolute).filter((name) => name.endsWith('.tftpl'))) {
      const path = posix.join(module.dir, folder, entry);
      const text = readFileSync(join(absolute, entry), 'utf8');
      const partition = text.search(/arn:aws(-cn|-us-gov)?:/);
      if (partition >= 0) {
        findings.add(
          'partition',
          { path, text },
          partition,
          'an ARN with the partition written out: take it as a variable',
        );
      }
      if (!read.has(path))
        findings.add('unused', { path, text }, 0, `no templatefile() of ${module.dir} reads this file`);
    }
  }
}
