import { counted, duration, number, tally } from './format.ts';
import type { PhaseTotals, Report, ReportFile, ReportPhase } from './report.ts';

/** The few lines that both summaries, of the terminal and of GitHub, tell: label and text. */
export function summaryFacts(report: Report): ReadonlyArray<readonly [label: string, text: string]> {
  const { totals, fallbacks, leaks } = report;
  const { phases, origins } = totals;
  const facts: Array<readonly [string, string]> = [];
  const before = (['environment', 'template'] as const)
    .filter((phase) => phases[phase] !== undefined)
    .map((phase) => `${phase} ${duration(phases[phase]?.totalMs ?? 0)}`);
  if (before.length > 0) facts.push(['before the tests', before.join(' · ')]);
  if (phases.acquire !== undefined) {
    const came = [
      origins.reset > 0 && `${number(origins.reset)} reset`,
      origins.clone > 0 && `${number(origins.clone)} cloned`,
    ].filter((text) => text !== false);
    // Not every one of them was waited for: one that is used by its URL alone, or was there already, was not.
    const databases =
      came.length > 0 ? `${number(origins.reset + origins.clone)} (${came.join(', ')}), ` : '';
    const waits = counted(phases.acquire.count, 'wait');
    facts.push(['databases', `${databases}${waits}: ${spread(phases.acquire)}`]);
  }
  const { reset } = totals.background;
  if (reset !== undefined)
    facts.push(['resets', `${number(reset.count)} in the background, ${spread(reset)}`]);
  if (phases.reset !== undefined) facts.push(['given back', spread(phases.reset)]);
  if (totals.connections > 0) {
    const connect = phases.connect === undefined ? '' : `, ${spread(phases.connect)}`;
    facts.push(['connections', `${counted(totals.connections, 'connection')} opened${connect}`]);
  }
  if (totals.queries > 0) {
    const extra = [
      totals.errors > 0 && `${number(totals.errors)} refused`,
      totals.retries > 0 && counted(totals.retries, 'retry', 'retries'),
    ].filter((text) => text !== false);
    const text = `${counted(totals.queries, 'statement')} in ${counted(totals.roundTrips, 'round trip')}`;
    facts.push(['statements', [text, ...extra].join(', ')]);
  }
  const share = overheadShare(report);
  if (share !== undefined)
    facts.push([
      'of test time',
      `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} % went to databases and connections`,
    ]);
  if (fallbacks.length > 0) {
    const reasons = tally(fallbacks.map(({ reason }) => reason)).map(
      ([reason, n]) => `${reason} ${number(n)}`,
    );
    facts.push(['fallbacks', `${number(fallbacks.length)}: ${reasons.join(', ')}`]);
  }
  if (leaks.length > 0) {
    const kinds = tally(leaks.map(({ kind }) => kind)).map(([kind, n]) => `${kind} ${number(n)}`);
    facts.push(['leaks', `${counted(leaks.length, 'session')}: ${kinds.join(', ')}`]);
  }
  return facts;
}

function spread({ count, p50, p95, max }: PhaseTotals): string {
  if (count === 1) return duration(max);
  return `p50 ${duration(p50)}, p95 ${duration(p95)}, max ${duration(max)}`;
}

const WAITING: readonly ReportPhase[] = ['acquire', 'connect', 'reset'];

/** How much of the tests' time went to having a database. Undefined when nothing did. */
export function overheadShare({ totals: { phases } }: Report): number | undefined {
  const waited = WAITING.reduce((sum, phase) => sum + (phases[phase]?.totalMs ?? 0), 0);
  const all = waited + (phases.body?.totalMs ?? 0);
  return waited === 0 || all === 0 ? undefined : waited / all;
}

export function slowestFiles({ files }: Report, most: number): readonly ReportFile[] {
  return files.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, most);
}

/** Whether a database was involved at all: a report about nothing is not printed. */
export function tellsSomething({ runs, totals: { phases } }: Report): boolean {
  return runs.some(({ host }) => host.length > 0) || phases.acquire !== undefined;
}
