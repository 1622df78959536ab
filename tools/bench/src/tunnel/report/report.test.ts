import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { record, startReport, writeReport } from './report.ts';
import { percentile, summarise } from './samples.ts';
import { figure, renderTable, spread } from './table.ts';

test('repetitions are summed up by their middle and their ends', () => {
  expect(summarise([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, repetitions: 3 });
});

test('a percentile is one of the values, the last one for 1', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect([0, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 100, 198, 200]);
  expect(percentile([7], 0.99)).toBe(7);
});

test('figures keep three digits, and all in front of the point', () => {
  expect([0, 0.0123, 0.5, 1.234, 41.26, 987.6, 12_345.6].map(figure)).toEqual([
    '0.00',
    '0.012',
    '0.500',
    '1.23',
    '41.3',
    '988',
    '12346',
  ]);
  expect(figure(Number.NaN)).toBe('-');
  expect(spread(summarise([1, 2, 3]))).toBe('2.00 (1.00-3.00)');
});

test('columns of a table line up, names to the left and figures to the right', () => {
  const table = renderTable(
    ['', 'MB/s'],
    [
      ['up', '41.3'],
      ['down, 8 streams', '7'],
      ['none', ''],
    ],
  );
  expect(table.split('\n')).toEqual([
    '                 MB/s',
    '---------------  ----',
    'up               41.3',
    'down, 8 streams     7',
    'none',
  ]);
});

test('the file has every figure unrounded, the machine and its load', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  try {
    const report = startReport({ quick: true, site: 'simulator' });
    const result = { title: 'T', head: ['a'], rows: [['1']], notes: [], data: { rate: 1 / 3 } };
    await record(report, 'throughput', () => Promise.resolve(result));
    const file = join(folder, 'deeper', 'figures.json');
    await writeReport(file, report);
    const written = JSON.parse(await readFile(file, 'utf8'));
    expect(written).toMatchObject({
      node: process.version,
      quick: true,
      site: 'simulator',
      benches: { throughput: { data: { rate: 1 / 3 } } },
    });
    expect(written.benches.throughput.load.before).toHaveLength(3);
  } finally {
    await rm(folder, { recursive: true });
  }
});
