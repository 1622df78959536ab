import { Script } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { sampleRun } from '../../test/sample-run.ts';
import { buildReport } from './build-report.ts';
import type { PosternMeta } from './meta.ts';
import { reportPage } from './page/report-page.ts';
import { phaseTotals } from './phase-statistics.ts';
import { reportPhases } from './phase-times.ts';
import type { RecordedRun, RecordedTest } from './recorded.ts';
import { stepSummary } from './step-summary.ts';
import { tellsSomething } from './summary-facts.ts';
import { terminalSummary } from './terminal-summary.ts';

const AT = Date.UTC(2026, 10, 23);
const run = { run: 'r', shard: '', slot: 1, queuedAt: AT + 100, startedAt: AT + 150, endedAt: AT + 400 };
const ran = (name: string, startedAt: number, durationMs: number, meta?: PosternMeta): RecordedTest => ({
  name,
  state: 'passed',
  startedAt,
  durationMs,
  meta,
});
const recorded = (more: Partial<RecordedRun['files'][number]> = {}): RecordedRun => ({
  vitest: '5.1.1',
  state: 'passed',
  endedAt: AT + 500,
  host: new Map(),
  files: [
    {
      file: 'a.test.ts',
      project: '',
      state: 'passed',
      run,
      importMs: 50,
      meta: undefined,
      tests: [],
      ...more,
    },
  ],
});

describe('the report', () => {
  test('splits the time of a test into what it waited for and its body', () => {
    const waiting: PosternMeta = {
      // Half of the time that it took was over before the test began to wait.
      acquireMs: 15,
      connectMs: 20,
      queries: 2,
      roundTrips: 3,
      connections: 2, // side by side
      origin: 'reset',
      spans: [{ phase: 'acquire', startedAt: AT + 135, durationMs: 30 }],
    };
    const report = buildReport(
      recorded({
        tests: [ran('first', AT + 150, 100, waiting), ran('second', AT + 250, 40, { queries: 5 })],
        meta: { spans: [{ phase: 'release', startedAt: AT + 390, durationMs: 7 }] },
      }),
    );
    expect(report.files[0]).toMatchObject({
      start: 0,
      durationMs: 300,
      phases: { import: 50, acquire: 15, connect: 10, reset: 7, body: 100 - 15 - 10 + 40 },
      queries: 7,
      roundTrips: 3,
      spans: [{ phase: 'import' }, { phase: 'reset', start: 290 }, { phase: 'acquire', start: 35 }],
    });
    expect(report.totals).toMatchObject({
      tests: 2,
      passed: 2,
      origins: { reset: 1, clone: 0 },
      phases: { acquire: { count: 1, p50: 15 }, body: { count: 2, max: 75 } },
    });
  });

  test('counts connections that open side by side once, and one after the other twice', () => {
    const connect = (from: number, durationMs: number) =>
      ({ phase: 'connect', startedAt: AT + from, durationMs }) as const;
    const spans = [connect(200, 10), connect(150, 20), connect(155, 20), connect(160, 5)];
    const report = buildReport(
      recorded({ tests: [ran('x', AT + 150, 100, { connectMs: 55, connections: 4, spans })] }),
    );
    expect(report.files[0]?.phases).toEqual({ import: 50, connect: 35, body: 65 });
  });

  test('begins with the first thing the host did, and keeps a step that never ended', () => {
    const report = buildReport({
      ...recorded(),
      host: new Map([
        [
          'r',
          [
            { phase: 'cloud', state: 'done', at: AT + 50, durationMs: 1_000 },
            { phase: 'tunnel', state: 'started', at: AT + 60 },
            { phase: 'reset', state: 'done', at: AT + 300, durationMs: 5, reason: 'ddl', database: 'pt_1' },
            { phase: 'reset', state: 'done', at: AT + 310, durationMs: 7, reason: 'kept', database: 'pt_2' },
          ],
        ],
      ]),
    });
    expect(report.startedAt).toBe('2026-11-22T23:59:59.050Z');
    expect(report.runs[0]?.host.map(({ phase, start, state }) => [phase, start, state])).toEqual([
      ['cloud', 0, 'done'],
      ['tunnel', 1_010, 'unfinished'],
      ['reset', 1_245, 'done'],
      ['reset', 1_253, 'done'],
    ]);
    expect(report.fallbacks).toEqual([{ reason: 'ddl', database: 'pt_1' }]);
    expect(report.totals.background['reset']).toMatchObject({ count: 2, max: 7 });
    expect(report.totals.phases.environment?.totalMs).toBe(1_440);
  });

  test('of shards has lanes of each, and of a vitest without slots as many as files ran at once', () => {
    const shards = buildReport(sampleRun({ files: 20, workers: 2, shards: 3 }));
    expect(shards.runs.map(({ shard }) => shard)).toEqual(['1/3', '2/3', '3/3']);
    expect(shards.totals).toMatchObject({ files: 60, workers: 6 });

    const sample = sampleRun({ files: 20, workers: 3 });
    const files = sample.files.map((file) => ({ ...file, run: { ...file.run, slot: 0 } }));
    expect(buildReport({ ...sample, files }).totals.workers).toBe(3);
  });

  test('survives a file that never ran', () => {
    const report = buildReport(
      recorded({ state: 'failed', importMs: 0, tests: [{ ...ran('x', 0, 0), state: 'pending' }] }),
    );
    expect(report.files[0]).toMatchObject({ state: 'failed', phases: {}, tests: [{ start: 0 }] });
    expect(tellsSomething(report)).toBe(false);
    expect(reportPage(report)).toContain('no database was used');
  });

  test('is data: it survives JSON, and times have no more than hundredths', () => {
    const report = buildReport(sampleRun({ files: 12, workers: 2 }));
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report.version).toBe(1);
    expect(Object.keys(report.totals.phases)).toEqual(reportPhases);
    expect(JSON.stringify({ ...report, startedAt: '', kept: [] })).not.toMatch(/:-?\d+\.\d{3}/);
  });

  test('has percentiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(phaseTotals(hundred)).toEqual({ count: 100, totalMs: 5_050, p50: 50, p95: 95, p99: 99, max: 100 });
    expect(phaseTotals([])).toEqual({ count: 0, totalMs: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  });
});

/** Characters that a terminal or a page would obey. */
const controls = (text: string): string[] =>
  [...text.replaceAll('\n', '')].filter((character) => /\p{Cc}|\p{Cf}/u.test(character));

describe('names that want to be more than text', () => {
  const evil = '</script><script>alert(1)</script><img src=x onerror=alert(1)>"\'`|*_[x](y)\u001b[31m\u202e';
  const report = buildReport({
    ...recorded({
      file: evil,
      project: evil,
      tests: [
        ran(evil, AT + 150, 10, {
          database: evil,
          acquireMs: 1,
          kept: { database: evil, open: evil },
          leaks: [{ kind: 'transaction', role: evil, stack: [evil] }],
        }),
      ],
    }),
    host: new Map([
      [
        'r',
        [
          { phase: 'cloud', state: 'done', at: AT, durationMs: 1, detail: evil },
          { phase: 'reset', state: 'done', at: AT, database: evil, reason: evil, detail: evil },
        ],
      ],
    ]),
  });

  test('stay text in the page, whose only scripts are its own', () => {
    const page = reportPage(report);
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).not.toContain('<img');
    expect(page.replaceAll('&#39;', "'")).toMatch(
      /default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; base-uri 'none'/,
    );
    expect(page).not.toMatch(/(?:src|href)=["']?(?:https?:)?\/\//);
    expect(page).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write/);
    const [, data = '', script = ''] =
      /id="data">(.*?)<\/script>\s*<script>(.*?)<\/script>/s.exec(page) ?? [];
    expect(JSON.parse(data)).toEqual(report);
    expect(() => new Script(script)).not.toThrow();
  });

  test('stay text on GitHub and do not drive a terminal', () => {
    const markdown = stepSummary(report);
    expect(markdown).not.toMatch(/<img|<script/);
    expect(controls(markdown)).toEqual([]);
    expect(markdown).not.toContain('](y)');
    for (const line of markdown.split('\n').filter((l) => l.startsWith('|')))
      expect(line.endsWith('|')).toBe(true);
    const terminal = terminalSummary(report, { colors: false, written: [evil] });
    expect(controls(terminal)).toEqual([]);
  });
});

describe('summaries', () => {
  const report = buildReport(sampleRun({ files: 120, workers: 4 }));

  test('the terminal gets a handful of lines', () => {
    const text = terminalSummary(report, { colors: false, written: ['postern-report/index.html'] });
    expect(text.split('\n').length).toBeLessThanOrEqual(16);
    expect(text).toMatch(/Postern {2}120 files on 4 workers in \d+\.\d s/);
    expect(text).toMatch(/databases {2}120 \(112 reset, 8 cloned\), 120 waits: p50 0\.\d\d ms, p95/);
    expect(text).toMatch(/fallbacks {2}2: ddl 2/);
    expect(text).toMatch(/report {2}postern-report\/index\.html/);
  });

  test('GitHub gets tables that stay far below its limit, also of 2,000 files', () => {
    const markdown = stepSummary(buildReport(sampleRun({ files: 2_000, workers: 8 })));
    expect(markdown).toMatch(/^### ❌ Postern: 2,000 files on 8 workers/);
    expect(markdown).toContain('<summary>Slowest files</summary>');
    expect(Buffer.byteLength(markdown)).toBeLessThan(100_000);
  });
});

test('a page of 2,000 files and 16,000 tests stays small enough to open', () => {
  const page = reportPage(buildReport(sampleRun({ files: 2_000, workers: 16 })));
  expect(Buffer.byteLength(page)).toBeLessThan(8_000_000);
});
