import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const text = (file: string): Promise<string> => readFile(new URL(file, import.meta.url), 'utf8');

it('whoever looks for the test of a weakness finds it: every row of the README names one that exists', async () => {
  const suite = await Promise.all(
    (await readdir(new URL('suite', import.meta.url))).map((file) => text(`suite/${file}`)),
  );
  const titles = new Set([...suite.join('\n').matchAll(/\bit\(\s*'([^']+)'/g)].map(([, title]) => title));
  const rows = [...(await text('../README.md')).matchAll(/^\| (\d+) \| [^|]+ \| ([^|]+) \|$/gm)];
  expect(rows.map(([, row]) => Number(row))).toEqual([
    ...Array.from({ length: 24 }, (_, at) => at + 1),
    ...Array.from({ length: 10 }, (_, at) => at + 1),
  ]);
  expect(rows.map(([, , title]) => title).filter((title) => !titles.has(title))).toEqual([]);
});
