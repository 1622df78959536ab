import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { type HclFile, parseTemplate } from '../hcl/file.ts';
import type { Expression, Of } from '../hcl/syntax.ts';
import { Evaluator } from './evaluate.ts';
import type { Findings } from './finding.ts';
import type { Module } from './module.ts';
import { type Type, unknown } from './types.ts';

const readers = new Set(['templatefile', 'file', 'filebase64', 'filebase64sha256', 'filesha256', 'filemd5']);

/**
 * Files that functions read must be there, and a template must get every variable that it uses. A part of the name that is
 * computed stands for anything, so all files that fit are looked at.
 */
export function checkFileFunction(
  module: Module,
  file: HclFile,
  findings: Findings,
  call: Of<'call'>,
  args: readonly Type[],
): void {
  const [name] = call.args;
  if (!readers.has(call.name) || name === undefined) return;
  const pattern = patternOf(name);
  if (pattern === undefined) return;
  const folder = posix.join(module.dir, dirname(pattern));
  const fits = new RegExp(`^${basename(pattern).split('*').map(escaped).join('.*')}$`);
  const absolute = join(module.root, folder);
  const found = existsSync(absolute) ? readdirSync(absolute).filter((entry) => fits.test(entry)) : [];
  if (found.length === 0) {
    findings.add(
      'missing-file',
      file,
      call.at,
      `${call.name} reads ${posix.join(folder, basename(pattern))}, which is not there`,
    );
  }
  const variables = call.name === 'templatefile' ? args[1] : undefined;
  module.reads.push({
    file,
    at: call.at,
    paths: found.map((entry) => posix.join(folder, entry)),
    exact: !pattern.includes('*'),
    ...(variables?.kind === 'object' && variables.open !== true
      ? { given: new Set(variables.members.keys()) }
      : {}),
  });
}

/**
 * Every template must get what it uses. A call whose file name is computed may mean any file that fits, so such a file is in
 * order when one of its calls gives everything.
 */
export function checkTemplateVariables(module: Module, findings: Findings): void {
  for (const path of new Set(module.reads.flatMap(({ paths }) => paths))) {
    if (!path.endsWith('.tftpl')) continue;
    const used = new Set(templateVariables(path, readFileSync(join(module.root, path), 'utf8')));
    const calls = module.reads
      .filter(({ paths, given }) => paths.includes(path) && given !== undefined)
      .map((read) => ({ ...read, missing: [...used].filter((name) => read.given?.has(name) === false) }));
    const lacking = calls.filter(({ missing }) => missing.length > 0);
    const wrong = lacking.length === calls.length ? lacking : lacking.filter(({ exact }) => exact);
    for (const { file, at, missing } of wrong) {
      const names = missing.map((name) => `"${name}"`).join(', ');
      findings.add(
        'template-variable',
        file,
        at,
        `${path} uses ${names}, which this call of templatefile does not give`,
      );
    }
  }
}

/** Names that a template takes from its variables. */
function templateVariables(path: string, text: string): string[] {
  const names: string[] = [];
  const evaluator = new Evaluator({
    file: { path, text, body: { at: 0, attributes: new Map(), blocks: [] } },
    findings: { list: [], add: () => {} } as unknown as Findings,
    resolve: (root) => {
      names.push(root);
      return { type: unknown, used: 0 };
    },
  });
  evaluator.parts(parseTemplate(text), new Map());
  return names;
}

/** `${path.module}/policies/${each.value}.json.tftpl` becomes `policies/*.json.tftpl`; undefined for other places. */
function patternOf(name: Expression): string | undefined {
  if (name.kind !== 'template') return undefined;
  const [first, ...rest] = name.parts;
  const inModule =
    first?.kind === 'interpolation' &&
    first.value.kind === 'traversal' &&
    first.value.on.kind === 'name' &&
    first.value.on.name === 'path';
  if (!inModule) return undefined;
  return rest
    .map((part) => (part.kind === 'text' ? part.text : '*'))
    .join('')
    .replace(/^\//, '');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
