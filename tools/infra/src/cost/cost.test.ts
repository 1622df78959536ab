import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from '@cdktn/hcl2json';
import { afterEach, expect, test, vi } from 'vitest';
import { runCost } from './command.ts';
import { type CostData, loadCostData } from './data.ts';
import { costsDocument, withSheet } from './document.ts';
import { namesIn } from './formula.ts';
import { missingPrices, sheetText } from './render.ts';
import { sheetOf, UnknownVariantError } from './sheet.ts';

const data = loadCostData();
const modules = fileURLToPath(new URL('../../../../infra/modules/', import.meta.url));
const variants = Object.keys(data.variants);

/** Every resource of the modules as `<module>: <type>.<name>`. */
const resources = new Set(
  readdirSync(modules).flatMap((module) =>
    readdirSync(`${modules}/${module}`)
      .filter((file) => file.endsWith('.tf'))
      .flatMap((file) =>
        [
          ...readFileSync(`${modules}/${module}/${file}`, 'utf8').matchAll(/^resource "(\w+)" "([\w-]+)"/gm),
        ].map(([, type, name]) => `${module}: ${type}.${name}`),
      ),
  ),
);

afterEach(() => {
  vi.restoreAllMocks();
});

test('every line counts a resource that a module makes', () => {
  const counted = data.lines.map(({ module, resource }) => `${module}: ${resource}`);
  expect(counted.filter((address) => !resources.has(address))).toEqual([]);
});

test('nothing that a module makes is forgotten: it is counted, or there is a reason why not', () => {
  const types = new Set([...resources].map((address) => address.replace(/^.*: (\w+)\..*$/, '$1')));
  const counted = new Set(data.lines.map(({ resource }) => resource.replace(/\..*$/, '')));
  expect([...types].filter((type) => !counted.has(type) && !(type in data.uncounted)).sort()).toEqual([]);
  expect(Object.keys(data.uncounted).filter((type) => counted.has(type) || !types.has(type))).toEqual([]);
});

test.each(variants)('the formulas of %s have the units of their prices', (variant) => {
  expect(() => sheetOf(data, variant)).not.toThrow();
});

test('no line, number or price is left over', () => {
  const shown = new Set(variants.flatMap((variant) => sheetOf(data, variant).lines.map(({ what }) => what)));
  expect(data.lines.filter(({ what }) => !shown.has(what))).toEqual([]);
  const used = new Set(
    data.lines.flatMap(({ idle = '', test: hour = '' }) => [...namesIn(idle), ...namesIn(hour)]),
  );
  expect(Object.keys(data.numbers).filter((name) => !used.has(name))).toEqual([]);
  const priced = new Set(data.lines.map(({ price }) => price));
  expect(Object.keys(data.prices).filter((name) => !priced.has(name))).toEqual([]);
});

test('the sums of the default are those of a calculation by hand', () => {
  const { idlePerMonth, perTestHour } = sheetOf(data, 'default');
  // Endpoints, storage, secret, jump host, its volume, logs.
  expect(idlePerMonth).toBeCloseTo(
    3 * 2 * 730 * 0.01 + 5 * 0.1 + 0.4 + 730 * 0.0042 + 8 * 0.08 + 0.5 * 0.03,
    10,
  );
  // Tunnel data at the endpoint and between zones, capacity with 5 minutes until the pause, I/O, function, logs, metrics.
  const data6 = 6 * 0.05;
  const invocations = 6 * 10;
  expect(perTestHour).toBeCloseTo(
    data6 * 0.01 +
      data6 * 2 * 0.01 +
      2 * (1 + 300 / 3600) * 0.12 +
      (6 * 50_000 * 0.2) / 1_000_000 +
      (invocations * 0.2) / 1_000_000 +
      invocations * 3 * 0.25 * 0.0000133334 +
      (invocations * 0.05) / 10_000 +
      (6 * 0.002 + invocations * 0.00001) * 0.5 +
      (20 / 730) * 0.3,
    10,
  );
});

test('what is said to be dearer is dearer', () => {
  const idle = (variant: string): number => sheetOf(data, variant).idlePerMonth;
  expect(idle('one-zone-endpoints')).toBeLessThan(idle('default'));
  expect(idle('existing-endpoints')).toBeLessThan(idle('one-zone-endpoints'));
  expect(idle('awake') - idle('default')).toBeCloseTo(0.5 * 730 * 0.12, 10);
  expect(idle('nat-per-zone')).toBeGreaterThan(idle('nat'));
  const runs = (count: number): number => sheetOf(data, 'default', { runsPerHour: count }).perTestHour;
  expect(runs(20)).toBeGreaterThan(runs(1));
});

test('a price without a source is not made up: the sheet names the line and leaves it out of the sum', () => {
  const without: CostData = {
    ...data,
    prices: Object.fromEntries(Object.entries(data.prices).filter(([name]) => name !== 'nat-gateway-hour')),
  };
  const sheet = sheetOf(without, 'nat');
  expect(sheet.withoutPrice.map(({ what }) => what)).toEqual(['NAT gateway']);
  expect(sheetOf(data, 'nat').idlePerMonth - sheet.idlePerMonth).toBeCloseTo(0.045 * 730, 10);
  expect(sheetText(sheet)).toContain('Not in the sum, no price found: NAT gateway.');
  expect(missingPrices(without).map(([name]) => name)).toContain('nat-gateway-hour');
});

test('a formula whose unit is not that of its price is refused', () => {
  const [line] = data.lines;
  const wrong: CostData = { ...data, lines: [{ ...line!, idle: 'endpointServices * hoursPerMonth' }] };
  expect(() => sheetOf(wrong, 'default')).toThrow('"interface-endpoint-hour" is for endpoint*h per month');
});

test('every price says where, when and for what', () => {
  for (const [name, price] of Object.entries(data.prices)) {
    expect(new URL(price.source).protocol, name).toBe('https:');
    expect(price.seen, name).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(price.published ?? '2026', name).toMatch(/^\d{4}(-\d{2}(-\d{2})?)?$/);
    expect(price.region ?? 'every', name).toMatch(/^([a-z]{2}-[a-z]+-\d|every)$/);
    expect(price.usd, name).toBeGreaterThan(0);
  }
});

test('each variant but the default says how to get it, by inputs that there are', () => {
  for (const [name, { inputs }] of Object.entries(data.variants)) {
    expect(Object.keys(inputs).length > 0, name).toBe(name !== 'default');
    for (const input of Object.keys(inputs)) {
      const [module = '', variable = ''] = input.split('.');
      expect(readFileSync(`${modules}/${module}/variables.tf`, 'utf8'), input).toContain(
        `variable "${variable}" {`,
      );
    }
  }
});

test('what a variant says of an input has what the module asks for', async () => {
  for (const [name, { inputs }] of Object.entries(data.variants)) {
    for (const [input, value] of Object.entries(inputs)) {
      const [module = '', variable = ''] = input.split('.');
      const file = `${modules}/${module}/variables.tf`;
      const { variable: declared } = (await parse(file, readFileSync(file, 'utf8'))) as {
        variable: Record<string, [{ type?: string }]>;
      };
      const required = [...(declared[variable]?.[0].type ?? '').matchAll(/(\w+)\s*=\s*(?!optional|\s)/g)].map(
        ([, attribute = '']) => attribute,
      );
      const given = /^\{(.*)\}$/.exec(value)?.[1];
      if (given === undefined || given.trim() === '…') continue;
      for (const attribute of required) expect(given, `${name}: ${input}`).toContain(`${attribute} =`);
    }
  }
});

test('a month is what is idle and the hours of tests', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const { idlePerMonth, perTestHour } = sheetOf(data, 'default');
  const month = (idlePerMonth + 40 * perTestHour).toFixed(2);
  expect(await runCost(['--hours', '40'])).toBe(0);
  expect(log.mock.lastCall?.[0]).toMatch(new RegExp(`^default .* ${month}$`, 'm'));
  expect(await runCost(['--hours', '40', '--variant', 'default'])).toBe(0);
  expect(log.mock.lastCall?.[0]).toContain(`A month with 40 test hours: ${month} USD.`);
  vi.spyOn(console, 'error').mockImplementation(() => {});
  expect(await runCost(['--hours', 'all'])).toBe(2);
});

test('what the default takes for an input is the default of that input', async () => {
  const inputs = [...Object.entries(data.numbers), ...Object.entries(data.switches)].filter(
    ([, { input }]) => input !== undefined,
  );
  for (const [name, { input = '', value }] of inputs) {
    const [module = '', variable = '', attribute] = input.split('.');
    const file = `${modules}/${module}/variables.tf`;
    const { variable: declared } = (await parse(file, readFileSync(file, 'utf8'))) as {
      variable: Record<string, [{ type?: string; default?: unknown }]>;
    };
    const { type = '', default: its } = declared[variable]?.[0] ?? {};
    const inType = new RegExp(`\\b${attribute}\\s*=\\s*optional\\(\\w+,\\s*([^)]+)\\)`).exec(type)?.[1];
    const of =
      attribute === undefined
        ? its
        : ((its as Record<string, unknown> | undefined)?.[attribute] ?? JSON.parse(inType ?? 'null'));
    const counted = Array.isArray(of) ? of.length : of;
    expect(name === 'functionMemory' ? Number(counted) / 1024 : counted, `${name}: ${input}`).toBe(value);
  }
});

test('docs/costs.md has what the data say', () => {
  const document = readFileSync(costsDocument, 'utf8');
  expect(withSheet(document, data) === document, 'npm run infra -- cost --write').toBe(true);
});

test('the command prints a sheet, refuses a variant that nobody knows with those there are, and never guesses', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const error = vi.spyOn(console, 'error').mockImplementation(() => {});
  expect(await runCost([])).toBe(0);
  for (const variant of variants) expect(log.mock.lastCall?.[0]).toContain(variant);
  expect(await runCost(['--variant', 'nat', '--json', '--runs', '1'])).toBe(0);
  expect(JSON.parse(String(log.mock.lastCall?.[0]))).toMatchObject({ variant: 'nat', withoutPrice: [] });
  expect(await runCost(['--variant', 'toString'])).toBe(2);
  expect(error.mock.lastCall?.[0]).toContain(`Take one of: ${variants.join(', ')}.`);
  expect(await runCost(['--variant'])).toBe(2);
  expect(await runCost(['--runs', 'many'])).toBe(2);
  expect(await runCost(['--markdown'])).toBe(2);
  expect(() => sheetOf(data, 'nope')).toThrow(UnknownVariantError);
});
