import { expect, test } from 'vitest';
import { renderReport } from './report.ts';

test('the table says what failed and why, below everything that was fine', () => {
  expect(
    renderReport([
      { area: 'STS', name: 'names the caller', durationMs: 812.4 },
      { area: 'Lambda', name: 'runs', durationMs: 1200, failure: 'State is "Pending", expected "Active"' },
    ]),
  ).toMatchInlineSnapshot(`
    "ok    STS     names the caller    812 ms
    FAIL  Lambda  runs               1200 ms

    Lambda: runs
      State is "Pending", expected "Active"

    1 of 2 checks passed."
  `);
});
