import type { CostData, Line, Price } from './data.ts';
import { type Quantity, workOut } from './formula.ts';
import { multiply, parseUnit, printUnit, sameUnit } from './unit.ts';

export interface Amount {
  readonly quantity: number;
  readonly unit: string;
  /** Absent where there is no price. */
  readonly usd?: number;
}

export interface SheetLine {
  readonly module: string;
  readonly resource: string;
  readonly what: string;
  readonly priceName: string;
  readonly price?: Price;
  readonly idle?: Amount;
  readonly test?: Amount;
}

export interface Sheet {
  readonly variant: string;
  readonly what: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly lines: readonly SheetLine[];
  /** Dollars of the lines that have a price. */
  readonly idlePerMonth: number;
  readonly perTestHour: number;
  /** Lines that have none: the totals are without them. */
  readonly withoutPrice: readonly SheetLine[];
}

export class UnknownVariantError extends Error {
  override readonly name = 'UnknownVariantError';
  readonly hint: string;
  constructor(variant: string, known: readonly string[]) {
    super(`There is no variant "${variant}".`);
    this.hint = `Take one of: ${known.join(', ')}.`;
  }
}

/** One variant worked out. `numbers` replace what the data say, for questions such as "and with 20 runs an hour?". */
export function sheetOf(data: CostData, name: string, numbers: Readonly<Record<string, number>> = {}): Sheet {
  const variant = Object.hasOwn(data.variants, name) ? data.variants[name] : undefined;
  if (variant === undefined) throw new UnknownVariantError(name, Object.keys(data.variants));
  const values = { ...variant.numbers, ...numbers };
  for (const key of Object.keys(values))
    if (!Object.hasOwn(data.numbers, key))
      throw new Error(`The variant "${name}" sets "${key}", which is not in numbers.json`);
  const quantities = new Map<string, Quantity>(
    Object.entries(data.numbers).map(([key, { value, unit }]) => [
      key,
      { value: values[key] ?? value, unit: parseUnit(unit) },
    ]),
  );
  const switches = Object.fromEntries(Object.entries(data.switches).map(([key, { value }]) => [key, value]));
  for (const [key, value] of Object.entries(variant.switches ?? {})) {
    if (!Object.hasOwn(switches, key))
      throw new Error(`The variant "${name}" sets "${key}", which is not in numbers.json`);
    switches[key] = value;
  }

  const lines = data.lines
    .filter(({ when = {} }) =>
      Object.entries(when).every(([key, values]) => values.includes(switches[key] ?? '')),
    )
    .map((line) => sheetLine(line, data.prices[line.price], quantities));
  const total = (kind: 'idle' | 'test'): number =>
    lines.reduce((sum, line) => sum + (line[kind]?.usd ?? 0), 0);
  return {
    variant: name,
    what: variant.what,
    inputs: variant.inputs,
    lines,
    idlePerMonth: total('idle'),
    perTestHour: total('test'),
    withoutPrice: lines.filter((line) => line.price === undefined),
  };
}

function sheetLine(
  line: Line,
  price: Price | undefined,
  quantities: ReadonlyMap<string, Quantity>,
): SheetLine {
  const amount = (formula: string, per: 'month' | 'testHour'): Amount => {
    const { value, unit } = workOut(formula, quantities);
    const money = multiply(unit, parseUnit(per));
    const { usd, unit: priced, per: count = 1 } = price ?? {};
    if (priced !== undefined && !sameUnit(money, parseUnit(priced)))
      throw new Error(
        `"${formula}" (${line.module}, ${line.resource}) is ${printUnit(unit)}; "${line.price}" is for ${priced} per ${per}`,
      );
    return {
      quantity: value,
      unit: priced ?? printUnit(money),
      ...(usd !== undefined && { usd: (value * usd) / count }),
    };
  };
  return {
    module: line.module,
    resource: line.resource,
    what: line.what,
    priceName: line.price,
    ...(price !== undefined && { price }),
    ...(line.idle !== undefined && { idle: amount(line.idle, 'month') }),
    ...(line.test !== undefined && { test: amount(line.test, 'testHour') }),
  };
}
