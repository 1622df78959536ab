import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A price as somebody published it. What no source was found for is not in the list. */
export interface Price {
  readonly usd: number;
  /** What it is for, as `ACU*h`. */
  readonly unit: string;
  /** How many units it is for; 1. */
  readonly per?: number;
  /** `every` where a price is the same everywhere; absent where the source does not say. */
  readonly region?: string;
  readonly source: string;
  /** When the source says that it was right: a year, a month or a day; absent where it does not say. */
  readonly published?: string;
  /** When we read it, YYYY-MM-DD. */
  readonly seen: string;
  readonly note?: string;
}

/** A number that formulas use: a default of a module's input, or an assumption. */
interface NumberEntry {
  readonly value: number;
  readonly unit: string;
  readonly what: string;
  /** `<module>.<input>` whose default it is; `<module>.<input>.<attribute>` of an object. */
  readonly input?: string;
}

/** A choice by words, and the input that makes it. */
interface SwitchEntry {
  readonly value: string;
  readonly input?: string;
}

/** One thing that costs: how much of it there is when nothing happens, and how much more in an hour of tests. */
export interface Line {
  readonly module: string;
  /** Address in the module, as `aws_nat_gateway.this`. */
  readonly resource: string;
  readonly what: string;
  readonly price: string;
  /** Counted only where every switch has one of these values. */
  readonly when?: Readonly<Record<string, readonly string[]>>;
  /** Per month. */
  readonly idle?: string;
  /** Per hour in which suites run, on top of idle. */
  readonly test?: string;
}

interface Variant {
  readonly what: string;
  /** How to get it: `<module>.<input>` and its value as Terraform writes it. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly switches?: Readonly<Record<string, string>>;
  readonly numbers?: Readonly<Record<string, number>>;
}

export interface CostData {
  readonly prices: Readonly<Record<string, Price>>;
  readonly numbers: Readonly<Record<string, NumberEntry>>;
  readonly switches: Readonly<Record<string, SwitchEntry>>;
  readonly lines: readonly Line[];
  /** Types of resources that no line counts, with the reason. */
  readonly uncounted: Readonly<Record<string, string>>;
  readonly variants: Readonly<Record<string, Variant>>;
}

const costFolder = fileURLToPath(new URL('../../../../infra/cost/', import.meta.url));

export function loadCostData(folder: string = costFolder): CostData {
  const read = <T>(name: string): T => JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8')) as T;
  const { numbers, switches } = read<Pick<CostData, 'numbers' | 'switches'>>('numbers');
  const { lines, uncounted } = read<Pick<CostData, 'lines' | 'uncounted'>>('lines');
  return { prices: read('prices'), numbers, switches, lines, uncounted, variants: read('variants') };
}
