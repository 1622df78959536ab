import type { Body, Expression, TemplatePart } from '../hcl/syntax.ts';

/** Every expression of a body, each with the name of the argument that it belongs to. */
export function walkBody(body: Body, visit: (expression: Expression, argument: string) => void): void {
  for (const { name, value } of body.attributes.values())
    walk(value, (expression) => visit(expression, name));
  for (const block of body.blocks) walkBody(block.body, visit);
}

export function walk(expression: Expression, visit: (expression: Expression) => void): void {
  visit(expression);
  for (const inner of partsOf(expression)) walk(inner, visit);
}

export function partsOf(expression: Expression): Expression[] {
  switch (expression.kind) {
    case 'template':
      return expression.parts.flatMap(expressionOfPart);
    case 'traversal':
      return [expression.on, ...expression.steps.flatMap((step) => (step.kind === 'key' ? [step.key] : []))];
    case 'call':
      return expression.args;
    case 'tuple':
      return expression.items;
    case 'object':
      return expression.items.flatMap(({ key, value }) => [key, value]);
    case 'for':
      return [expression.of, expression.key, expression.value, expression.condition].filter(
        (inner) => inner !== undefined,
      );
    case 'conditional':
      return [expression.condition, expression.yes, expression.no];
    case 'binary':
      return [expression.left, expression.right];
    case 'unary':
    case 'parentheses':
      return [expression.of];
    default:
      return [];
  }
}

function expressionOfPart(part: TemplatePart): Expression[] {
  return part.kind === 'text' || part.value === undefined ? [] : [part.value];
}
