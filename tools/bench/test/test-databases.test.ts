import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyLedger } from '../src/harness/workspace.ts';
import { measureGrowth } from '../src/test-databases/growth/grow.ts';
import { measureLocal } from '../src/test-databases/local.ts';
import { METHODS } from '../src/test-databases/methods/method.ts';
import { measureRemote } from '../src/test-databases/remote/remote.ts';
import type { Run } from '../src/test-databases/run.ts';
import { TINY } from '../src/test-databases/schema/sample-schema.ts';
import { type Report, startReport } from '../src/tunnel/report/report.ts';

// Each part with next to nothing to do: it runs to its end and fills its tables. How fast anything was is not looked at.

const run: Run = { signal: new AbortController().signal, progress: () => {}, quick: true };

function expectFull(report: Report): void {
  for (const { title, head, rows } of Object.values(report.benches)) {
    expect(rows.length, title).toBeGreaterThan(0);
    for (const row of rows) {
      expect(row, title).toHaveLength(head.length);
      for (const cell of row) expect(cell, title).not.toMatch(/NaN|Infinity|^-|undefined/);
    }
  }
}

test('a load with every method, and what clones and resets cost: all tables are full, every target has figures', {
  timeout: 240_000,
}, async () => {
  const report = startReport({ quick: true, site: 'local' });
  const loads = ['kept up', 'busy', 'overload'].map((name) => ({
    name,
    workers: 2,
    thinkMs: 1,
    gapMs: 1,
    files: { main: 4, other: 2 },
    rounds: { main: 1, other: 1 },
  }));
  const targets = await measureLocal(report, run, {
    size: { ...TINY, name: 'smallest' },
    loads,
    methods: METHODS,
  });

  expectFull(report);
  expect(Object.keys(report.benches)).toEqual([
    'kept up',
    'busy',
    'overload',
    'reset and clone',
    'strategies',
    'cold start',
  ]);
  expect(report.benches['kept up']?.rows.map(([method, files]) => [method, files])).toEqual(
    METHODS.map((method) => [
      method,
      ['pgtestdb', 'integresql', 'postern, reset + prefetch'].includes(method) ? '4' : '2',
    ]),
  );
  expect(targets).toHaveLength(12);
  for (const { name, measured } of targets) expect(measured, name).toBeGreaterThan(0);
});

test('far away: ours and the naive way both run, the template by one call of the function', {
  timeout: 240_000,
}, async () => {
  const report = startReport({ quick: true, site: 'remote' });
  const targets = await measureRemote(report, run, {
    size: TINY,
    oneWayMs: [1],
    files: { naive: 1, ours: 2 },
  });

  expectFull(report);
  expect(targets.at(-1)).toMatchObject({ limit: 1, measured: 1 });
});

test('growth: a row for each number of workers, files and tables', { timeout: 240_000 }, async () => {
  const report = startReport({ quick: true, site: 'grow' });
  await measureGrowth(report, run, { size: TINY, workers: [4], files: [2], tables: [5] });

  expectFull(report);
  expect(Object.values(report.benches).map(({ rows }) => rows.map(([count]) => count))).toEqual([
    ['4'],
    ['2'],
    ['5'],
  ]);
});

test('the stand-in of the setup by hand has everything that the ledger’s suite imports', async () => {
  await using workspace = await copyLedger();
  const folder = join(workspace.ledger, 'test', 'integration');
  const used = readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return [...text.matchAll(/^import \{([^}]+)\} from '@postern\/vitest'/gm)].flatMap(([, names = '']) =>
      names.split(',').map((name) => name.trim().split(' as ')[0] ?? ''),
    );
  });
  const standIn = readFileSync(new URL('../src/harness/plain/postern-vitest.ts', import.meta.url), 'utf8');
  const missing = used.filter(
    (name) => !name.startsWith('type ') && !new RegExp(`\\b${name}\\b`).test(standIn),
  );
  expect(used).toContain('test');
  expect(missing).toEqual([]);
});
