import type { CostData, Price } from './data.ts';
import { type Amount, type Sheet, type SheetLine, sheetOf } from './sheet.ts';

/** Dollars as people read them: cents, and four digits where cents would hide it. */
function dollars(usd: number): string {
  if (usd === 0) return '0';
  if (usd < 0.00005) return '<0.0001';
  return usd.toFixed(usd < 0.1 ? 4 : 2);
}

function amount({ quantity, unit }: Amount): string {
  const digits = quantity >= 1000 ? quantity.toFixed(0) : String(Number(quantity.toPrecision(3)));
  return `${digits} ${unit}`;
}

/** What a line costs, or that nobody knows. */
function costOf(of: Amount | undefined): string {
  if (of === undefined) return '';
  return of.usd === undefined ? 'no price' : dollars(of.usd);
}

const lineHead = ['what', 'resource', 'a month', 'USD a month', 'a test hour', 'USD a test hour'];

function lineCells(line: SheetLine): readonly string[] {
  return [
    line.what,
    `${line.module}: ${line.resource}`,
    line.idle === undefined ? '' : amount(line.idle),
    costOf(line.idle),
    line.test === undefined ? '' : amount(line.test),
    costOf(line.test),
  ];
}

function totalCells(sheet: Sheet): readonly string[] {
  return ['together', '', '', dollars(sheet.idlePerMonth), '', dollars(sheet.perTestHour)];
}

export function sheetText(sheet: Sheet, hours?: number): string {
  const rows = [lineHead, ...sheet.lines.map(lineCells), totalCells(sheet)];
  const widths = lineHead.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const text = rows.map((row) =>
    row
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const made = settings(sheet).map((setting) => `  ${setting}`);
  const month =
    hours === undefined
      ? []
      : ['', `A month with ${hours} test hours: ${dollars(monthOf(sheet, hours))} USD.`];
  const title = `${sheet.variant}: ${sheet.what}`;
  return [title, ...made, '', ...text, ...month, ...withoutPrice(sheet), ''].join('\n');
}

function monthOf({ idlePerMonth, perTestHour }: Sheet, hours: number): number {
  return idlePerMonth + hours * perTestHour;
}

function settings({ inputs }: Sheet): readonly string[] {
  return Object.entries(inputs).map(([input, value]) => `${input} = ${value}`);
}

/** One line for each variant. */
export function comparisonText(data: CostData, sheets: readonly Sheet[], hours?: number): string {
  const names = sheets.map(({ variant }) => variant.length);
  const width = Math.max(...names);
  const cell = (usd: number): string => dollars(usd).padStart(8);
  const title = hours === undefined ? '' : `a month with ${hours} h`;
  const month = (sheet: Sheet): string =>
    hours === undefined ? '' : `  ${cell(monthOf(sheet, hours)).padStart(title.length)}`;
  return [
    `${'variant'.padEnd(width)}  USD a month, idle  USD a test hour${title === '' ? '' : `  ${title}`}`,
    ...sheets.map(
      (sheet) =>
        `${sheet.variant.padEnd(width)}  ${cell(sheet.idlePerMonth).padStart(17)}  ${cell(sheet.perTestHour).padStart(15)}${month(sheet)}` +
        `${sheet.withoutPrice.length > 0 ? '  without lines that have no price' : ''}`,
    ),
    '',
    `Prices of ${regions(data).join(' and ')}. --variant NAME shows the lines of one, --json everything as data.`,
    '',
  ].join('\n');
}

function withoutPrice(sheet: Sheet): readonly string[] {
  if (sheet.withoutPrice.length === 0) return [];
  return ['', `Not in the sum, no price found: ${sheet.withoutPrice.map(({ what }) => what).join(', ')}.`];
}

function regions(data: CostData): readonly string[] {
  const named = Object.values(data.prices).map(({ region }) => region);
  return [...new Set(named)]
    .filter((region) => region !== undefined && region !== 'every')
    .sort() as string[];
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] => [
  row(head),
  `|${'---|'.repeat(head.length)}`,
  ...rows.map(row),
];

export function sheetMarkdown(sheet: Sheet): string {
  return [
    ...table(
      lineHead,
      sheet.lines.map((line) => lineCells(line).map((cell, at) => (at === 1 ? `\`${cell}\`` : cell))),
    ),
    row(totalCells(sheet).map((cell) => (cell === '' ? '' : `**${cell}**`))),
    ...withoutPrice(sheet),
  ].join('\n');
}

function priceCells([name, price]: readonly [string, Price]): readonly string[] {
  const { usd, per = 1, unit, region = 'not said', source, published = 'not said', seen, note = '' } = price;
  const count = per === 1 ? unit : `${per.toLocaleString('en-US')} ${unit}`;
  return [
    `\`${name}\``,
    `${usd} for ${count}`,
    region,
    `[${new URL(source).host}](${source})`,
    published,
    seen,
    note,
  ];
}

/** A team's month: suites run in each hour of its working days. */
const teamHours = 160;

/** All that docs/costs.md has between its markers. */
export function costsMarkdown(data: CostData): string {
  const sheets = Object.keys(data.variants).map((name) => sheetOf(data, name));
  const first = sheets[0];
  if (first === undefined) throw new Error('variants.json has no variant');
  const known = (usd: number, { withoutPrice: missing }: Sheet): string =>
    `${dollars(usd)}${missing.length > 0 ? ' and what has no price' : ''}`;
  return [
    '### By variant',
    '',
    ...table(
      [
        'variant',
        'is',
        'made by',
        'USD a month, idle',
        'USD a test hour, on top',
        `a month with ${teamHours} such hours`,
      ],
      sheets.map((sheet) => [
        `\`${sheet.variant}\``,
        sheet.what,
        settings(sheet)
          .map((setting) => `\`${setting}\``)
          .join(', '),
        known(sheet.idlePerMonth, sheet),
        dollars(sheet.perTestHour),
        known(monthOf(sheet, teamHours), sheet),
      ]),
    ),
    '',
    `### The lines of \`${first.variant}\``,
    '',
    sheetMarkdown(first),
    '',
    '### What the quantities are made of',
    '',
    ...table(
      ['number', 'value', 'unit', 'is', 'default of'],
      Object.entries(data.numbers).map(([name, { value, unit, what, input = '' }]) => [
        `\`${name}\``,
        String(value),
        unit,
        what,
        input === '' ? '' : `\`${input}\``,
      ]),
    ),
    '',
    '### Prices',
    '',
    ...table(
      ['price', 'USD', 'region', 'source', 'of', 'seen', 'note'],
      Object.entries(data.prices).map(priceCells),
    ),
    '',
    '### Without a price',
    '',
    ...missingPrices(data).map(
      ([name, lines]) => `- \`${name}\` (${lines.join(', ')}): no source was found, so no sum has it.`,
    ),
    '',
    '### Not counted',
    '',
    ...[...new Set(Object.values(data.uncounted))].map(
      (why) =>
        `- ${why}: ${Object.keys(data.uncounted)
          .filter((type) => data.uncounted[type] === why)
          .map((type) => `\`${type}\``)
          .join(', ')}`,
    ),
  ].join('\n');
}

/** Names of prices that lines ask for and nobody has, with the lines. */
export function missingPrices(data: CostData): readonly (readonly [string, readonly string[]])[] {
  const missing = data.lines.filter(({ price }) => !Object.hasOwn(data.prices, price));
  return [...new Set(missing.map(({ price }) => price))].map((name) => [
    name,
    missing.filter(({ price }) => price === name).map(({ what }) => what),
  ]);
}
