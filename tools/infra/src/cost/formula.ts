import { multiply, printUnit, sameUnit, type Unit } from './unit.ts';

export interface Quantity {
  readonly value: number;
  readonly unit: Unit;
}

/**
 * Works out a formula of names, numbers, `+ - * /` and parentheses, with units: a sum of different units is an error, as is a
 * name that nobody defined. Results below zero are errors as well: nothing here can be given back to AWS.
 */
export function workOut(formula: string, numbers: ReadonlyMap<string, Quantity>): Quantity {
  const tokens = [...formula.matchAll(/\s*([A-Za-z]\w*|\d+(?:\.\d+)?|[-+*/()])/gy)].map(
    ([, token = '']) => token,
  );
  if (tokens.join('') !== formula.replaceAll(/\s/g, '')) throw new Error(`"${formula}" is no formula`);
  let position = 0;
  const take = (...accepted: readonly string[]): string | undefined => {
    const token = tokens[position];
    if (token === undefined || !accepted.includes(token)) return undefined;
    position += 1;
    return token;
  };

  const sum = (): Quantity => {
    let left = product();
    for (let sign = take('+', '-'); sign !== undefined; sign = take('+', '-')) {
      const right = product();
      if (!sameUnit(left.unit, right.unit))
        throw new Error(`"${formula}" adds ${printUnit(left.unit)} and ${printUnit(right.unit)}`);
      left = { value: left.value + (sign === '+' ? right.value : -right.value), unit: left.unit };
    }
    return left;
  };
  const product = (): Quantity => {
    let left = factor();
    for (let sign = take('*', '/'); sign !== undefined; sign = take('*', '/')) {
      const right = factor();
      left =
        sign === '*'
          ? { value: left.value * right.value, unit: multiply(left.unit, right.unit) }
          : { value: left.value / right.value, unit: multiply(left.unit, right.unit, -1) };
    }
    return left;
  };
  const factor = (): Quantity => {
    if (take('(') !== undefined) {
      const inner = sum();
      if (take(')') === undefined) throw new Error(`"${formula}" lacks a closing parenthesis`);
      return inner;
    }
    const token = tokens[position] ?? '';
    position += 1;
    if (/^\d/.test(token)) return { value: Number(token), unit: {} };
    const named = numbers.get(token);
    if (named === undefined) throw new Error(`"${formula}" names "${token}", which is not in numbers.json`);
    return named;
  };

  const result = sum();
  if (position < tokens.length)
    throw new Error(`"${formula}" goes on after its end, at "${tokens[position]}"`);
  if (!(result.value >= 0)) throw new Error(`"${formula}" comes to ${result.value}`);
  return result;
}

/** The names that a formula uses. */
export function namesIn(formula: string): readonly string[] {
  return [...formula.matchAll(/[A-Za-z]\w*/g)].map(([name]) => name);
}
