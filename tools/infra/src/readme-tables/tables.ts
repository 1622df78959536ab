import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Declared, Module } from '../checks/module.ts';
import { constantString } from '../hcl/syntax.ts';
import { printExpression } from './print.ts';

export interface Readme {
  /** Relative to the workspace. */
  path: string;
  before: string;
  /** With the tables that the module has now. */
  after: string;
  /** Markers that the file lacks. */
  missing: string[];
}

export function readmeOf(module: Module): Readme {
  const path = posix.join(module.dir, 'README.md');
  const file = join(module.root, path);
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return { path, before, ...withTables(module, before) };
}

export function writeReadme(root: string, { path, after }: Readme): void {
  writeFileSync(join(root, path), after);
}

/** A text with the module's tables of inputs and outputs between the markers. */
export function withTables(module: Module, text: string): Pick<Readme, 'after' | 'missing'> {
  const missing: string[] = [];
  let after = text;
  for (const [name, rows] of [
    ['inputs', inputs(module)],
    ['outputs', outputs(module)],
  ] as const) {
    const [start, end] = [after.indexOf(`<!-- ${name} -->`), after.indexOf(`<!-- /${name} -->`)];
    if (start < 0 || end < start) missing.push(name);
    else after = `${after.slice(0, start)}<!-- ${name} -->\n\n${rows}\n${after.slice(end)}`;
  }
  return { after, missing };
}

function inputs({ variables }: Module): string {
  const rows = byNeed([...variables.values()]).map(({ name, block }) => {
    const { attributes } = block.body;
    const [type, given] = [attributes.get('type'), attributes.get('default')];
    return [
      code(name),
      type === undefined ? '' : code(printExpression(type.value)),
      given === undefined ? 'required' : code(printExpression(given.value)),
      descriptionOf(block),
    ];
  });
  return table(['name', 'type', 'default', 'what'], rows);
}

function outputs({ outputs: all }: Module): string {
  return table(
    ['name', 'what'],
    [...all.values()].map(({ name, block }) => [code(name), descriptionOf(block)]),
  );
}

/** Those that must be given first, otherwise as in the file. */
function byNeed(variables: readonly Declared[]): Declared[] {
  const required = ({ block }: Declared): boolean => !block.body.attributes.has('default');
  return [...variables.filter(required), ...variables.filter((variable) => !required(variable))];
}

function descriptionOf({ body }: Declared['block']): string {
  const text = constantString(body.attributes.get('description')?.value) ?? '';
  const [first = '', ...rest] = text.replaceAll(/\s+/g, ' ').trim().split('`');
  // Outside of code, <name> would be taken for HTML.
  const plain = (part: string): string => part.replaceAll('<', '&lt;');
  return cell([plain(first), ...rest.map((part, index) => (index % 2 === 1 ? plain(part) : part))].join('`'));
}

function code(text: string): string {
  return `\`${cell(text)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'None.\n';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}
