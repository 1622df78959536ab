import { expect, test } from 'vitest';
import { workOut } from './formula.ts';
import { multiply, parseUnit, printUnit } from './unit.ts';

test('units multiply and cancel', () => {
  const perMonth = multiply(parseUnit('endpoint*h/month'), parseUnit('month'));
  expect(printUnit(perMonth)).toBe('endpoint*h');
  expect(printUnit(multiply(parseUnit('GB'), parseUnit('GB'), -1))).toBe('1');
  expect(() => parseUnit('GB per month')).toThrow('is no name');
});

test('a formula is worked out with its units, and refuses what cannot be meant', () => {
  const numbers = new Map([
    ['services', { value: 3, unit: parseUnit('service') }],
    ['zones', { value: 2, unit: parseUnit('endpoint/service') }],
    ['hours', { value: 730, unit: parseUnit('h/month') }],
    ['idle', { value: 0.5, unit: parseUnit('ACU') }],
    ['busy', { value: 2, unit: parseUnit('ACU') }],
  ]);
  expect(workOut('services * zones * hours', numbers)).toEqual({
    value: 4380,
    unit: parseUnit('endpoint*h/month'),
  });
  expect(workOut('(busy - idle) * 2', numbers)).toEqual({ value: 3, unit: { ACU: 1 } });
  expect(workOut('busy - idle * 2 + busy / 4', numbers).value).toBe(1.5);
  expect(() => workOut('busy + hours', numbers)).toThrow('adds ACU and h/month');
  expect(() => workOut('buzy * hours', numbers)).toThrow('names "buzy"');
  expect(() => workOut('idle - busy', numbers)).toThrow('comes to -1.5');
  expect(() => workOut('(busy', numbers)).toThrow('closing parenthesis');
  expect(() => workOut('busy busy', numbers)).toThrow('after its end');
  expect(() => workOut('busy % 2', numbers)).toThrow('is no formula');
});
