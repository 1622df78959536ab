import { counted, duration, number, printable } from './format.ts';
import type { Report } from './report.ts';
import { slowestFiles, summaryFacts } from './summary-facts.ts';

const MOST_ROWS = 10;

/** Markdown for `$GITHUB_STEP_SUMMARY`: a few lines in sight, tables folded. GitHub takes 1 MiB; this stays far below. */
export function stepSummary(report: Report): string {
  const { totals, state, fallbacks, kept, leaks, runs } = report;
  const mark = { passed: '✅', failed: '❌', interrupted: '⏹️' }[state];
  const tests = [
    `${number(totals.passed)} passed`,
    totals.failed > 0 && `${number(totals.failed)} failed`,
    totals.skipped > 0 && `${number(totals.skipped)} skipped`,
  ].filter((text) => text !== false);
  const shards = runs.length > 1 ? ` in ${counted(runs.length, 'shard')}` : '';
  const parts = [
    `### ${mark} Postern: ${counted(totals.files, 'file')} on ${counted(totals.workers, 'worker')}${shards} in ${duration(report.durationMs)}`,
    `${tests.join(', ')}.`,
    table(
      ['', ''],
      summaryFacts(report).map(([label, text]) => [`**${label}**`, cell(text)]),
    ),
    phaseTable(report),
    folded(
      `Slowest files`,
      ['file', 'time', 'acquire', 'connect', 'reset', 'body'],
      slowestFiles(report, MOST_ROWS).map((file) => [
        code(file.file),
        duration(file.durationMs),
        ...(['acquire', 'connect', 'reset', 'body'] as const).map((phase) =>
          duration(file.phases[phase] ?? 0),
        ),
      ]),
    ),
    folded(
      `${counted(fallbacks.length, 'fallback')}`,
      ['database', 'reason', 'what'],
      fallbacks
        .slice(0, MOST_ROWS * 5)
        .map(({ database, reason, detail }) => [code(database ?? ''), code(reason), cell(detail ?? '')]),
    ),
    folded(
      `${counted(kept.length, 'kept database')}`,
      ['test', 'open'],
      kept.map(({ file, test, database, open }) => [
        cell(`${file}${test ? ` › ${test}` : ''}`),
        code(open ?? database),
      ]),
    ),
    folded(
      `${counted(leaks.length, 'leaked session')}`,
      ['test', 'what', 'where'],
      leaks
        .slice(0, MOST_ROWS * 5)
        .map(({ file, test, kind, stack }) => [
          cell(`${file}${test ? ` › ${test}` : ''}`),
          cell(kind),
          code(stack[0] ?? ''),
        ]),
    ),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function phaseTable({ totals: { phases } }: Report): string {
  return folded(
    'Phases',
    ['phase', 'count', 'total', 'p50', 'p95', 'p99', 'max'],
    Object.entries(phases).map(([phase, t]) => [
      phase,
      number(t.count),
      ...[t.totalMs, t.p50, t.p95, t.p99, t.max].map(duration),
    ]),
  );
}

function folded(title: string, head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  if (rows.length === 0) return '';
  return `<details><summary>${title}</summary>\n\n${table(head, rows)}\n\n</details>`;
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  if (rows.length === 0) return '';
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** Text that neither ends the cell nor becomes markup. */
function cell(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_{}[\]()#+!|~@]/g, String.raw`\$&`);
}

function code(text: string): string {
  const shown = printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return shown === ''
    ? ''
    : `<code>${shown.replaceAll('|', '&#124;').replaceAll(/[`*_~@\\[\]]/g, (c) => `&#${c.codePointAt(0)};`)}</code>`;
}
