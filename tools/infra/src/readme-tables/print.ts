import { constantKey, type Expression, type Step } from '../hcl/syntax.ts';

/** An expression on one line, for a cell of a table: types and defaults of variables. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return String(expression.value);
    case 'name':
      return expression.name;
    case 'template':
      return JSON.stringify(
        expression.parts
          .map((part) => {
            if (part.kind === 'text') return part.text;
            return part.value === undefined ? '' : `\${${printExpression(part.value)}}`;
          })
          .join(''),
      );
    case 'tuple':
      return `[${expression.items.map(printExpression).join(', ')}]`;
    case 'object':
      if (expression.items.length === 0) return '{}';
      return `{ ${expression.items.map(({ key, value }) => `${constantKey(key) ?? `(${printExpression(key)})`} = ${printExpression(value)}`).join(', ')} }`;
    case 'call':
      return `${expression.name}(${expression.args.map(printExpression).join(', ')})`;
    case 'unary':
      return `${expression.operator}${printExpression(expression.of)}`;
    case 'parentheses':
      return `(${printExpression(expression.of)})`;
    case 'traversal':
      return printExpression(expression.on) + expression.steps.map(printStep).join('');
    default:
      throw new Error(`A ${expression.kind} expression has no place in a table`);
  }
}

function printStep(step: Step): string {
  if (step.kind === 'name') return `.${step.name}`;
  return step.kind === 'splat' ? '[*]' : `[${printExpression(step.key)}]`;
}
