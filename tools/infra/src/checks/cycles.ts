import type { HclFile } from '../hcl/file.ts';
import type { Expression } from '../hcl/syntax.ts';
import type { Findings } from './finding.ts';
import type { Module } from './module.ts';
import { walk, walkBody } from './walk.ts';

interface Node {
  file: HclFile;
  at: number;
  needs: Set<string>;
}

/**
 * Locals, resources and data sources that need each other in a circle. Calls of modules are left out: what goes in and what comes
 * out of one need not depend on each other.
 */
export function checkCycles(module: Module, findings: Findings): void {
  const nodes = nodesOf(module);
  const done = new Set<string>();
  const visit = (key: string, path: readonly string[]): void => {
    const node = nodes.get(key);
    if (node === undefined || done.has(key)) return;
    const from = path.indexOf(key);
    if (from >= 0) {
      const circle = [...path.slice(from), key].join(' → ');
      findings.add('cycle', node.file, node.at, `these need each other: ${circle}`);
      return;
    }
    for (const other of node.needs) visit(other, [...path, key]);
    done.add(key);
  };
  for (const key of nodes.keys()) visit(key, []);
}

function nodesOf(module: Module): Map<string, Node> {
  const nodes = new Map<string, Node>();
  for (const [name, { file, attribute }] of module.locals) {
    const needs = new Set<string>();
    walk(attribute.value, (expression) => need(needs, expression));
    nodes.set(`local.${name}`, { file, at: attribute.at, needs });
  }
  for (const { mode, type, name, file, block } of [...module.resources.values(), ...module.data.values()]) {
    const needs = new Set<string>();
    walkBody(block.body, (expression, argument) => {
      // These name attributes of the resource itself.
      if (argument !== 'ignore_changes') need(needs, expression);
    });
    nodes.set(`${mode === 'data' ? 'data.' : ''}${type}.${name}`, { file, at: block.at, needs });
  }
  return nodes;
}

function need(needs: Set<string>, expression: Expression): void {
  if (expression.kind !== 'traversal' || expression.on.kind !== 'name') return;
  const [first, second] = expression.steps.map((step) => (step.kind === 'name' ? step.name : ''));
  needs.add([expression.on.name, first, ...(expression.on.name === 'data' ? [second] : [])].join('.'));
}
