import { parseArgs } from 'node:util';
import { loadCostData } from './data.ts';
import { writeCostsDocument } from './document.ts';
import { comparisonText, sheetMarkdown, sheetText } from './render.ts';
import { sheetOf, UnknownVariantError } from './sheet.ts';

const usage = `npm run infra -- cost [--variant NAME] [--runs N] [--hours N] [--json | --markdown] [--write]

What the infrastructure costs, from the prices and formulas in infra/cost.

  --variant NAME  the lines of one variant; without it, all variants in a table
  --runs N        runs of a suite in a test hour, instead of what numbers.json assumes
  --hours N       also a month in which suites run for N hours
  --json          as data
  --markdown      the lines of one variant as a Markdown table
  --write         brings docs/costs.md up to date`;

/** Prints the sheet. 0 done, 2 asked wrongly. */
export async function runCost(args: readonly string[]): Promise<number> {
  const options = {
    variant: { type: 'string' },
    runs: { type: 'string' },
    hours: { type: 'string' },
    json: { type: 'boolean' },
    markdown: { type: 'boolean' },
    write: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  let asked: ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];
  try {
    asked = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    return askedWrongly(error instanceof Error ? error.message : String(error));
  }
  if (asked.help === true) {
    console.log(usage);
    return 0;
  }
  const [runs, hours] = [asked.runs, asked.hours].map((text) =>
    text === undefined ? undefined : Number(text),
  );
  for (const [option, number] of Object.entries({ runs, hours }))
    if (number !== undefined && !(Number.isFinite(number) && number >= 0))
      return askedWrongly(`--${option} takes a number, not "${asked[option as 'runs' | 'hours']}".`);
  if (asked.markdown === true && asked.variant === undefined)
    return askedWrongly('--markdown shows the lines of one variant: name it with --variant.');

  const data = loadCostData();
  const numbers = runs === undefined ? {} : { runsPerHour: runs };
  if (asked.write === true) {
    writeCostsDocument(data);
    return 0;
  }
  try {
    if (asked.variant !== undefined) {
      const sheet = sheetOf(data, asked.variant, numbers);
      if (asked.json === true) console.log(JSON.stringify(sheet, null, 2));
      else console.log(asked.markdown === true ? sheetMarkdown(sheet) : sheetText(sheet, hours));
      return 0;
    }
  } catch (error) {
    if (error instanceof UnknownVariantError) return askedWrongly(`${error.message} ${error.hint}`);
    throw error;
  }
  const sheets = Object.keys(data.variants).map((name) => sheetOf(data, name, numbers));
  console.log(asked.json === true ? JSON.stringify(sheets, null, 2) : comparisonText(data, sheets, hours));
  return 0;
}

function askedWrongly(problem: string): number {
  console.error(`${problem}\n\n${usage}`);
  return 2;
}
