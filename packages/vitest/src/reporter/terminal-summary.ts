import { styleText } from 'node:util';
import { counted, duration, printable } from './format.ts';
import type { Report } from './report.ts';
import { slowestFiles, summaryFacts } from './summary-facts.ts';

export interface TerminalOptions {
  readonly colors: boolean;
  /** Where reports were written, to be named. */
  readonly written: readonly string[];
}

const LABEL_WIDTH = 18;
const MOST_KEPT = 3;
const SLOW_FILES = 3;

/** A dozen lines at most. */
export function terminalSummary(report: Report, { colors, written }: TerminalOptions): string {
  const style = (format: 'bold' | 'dim' | 'yellow', text: string): string =>
    colors ? styleText(format, text, { validateStream: false }) : text;
  const { totals, durationMs } = report;
  const kept = [...new Set(report.kept.map(({ open, database }) => open ?? database))];
  const line = (label: string, text: string): string =>
    ` ${style('dim', label.padStart(LABEL_WIDTH - 2))}  ${printable(text)}`;
  const lines = [
    ` ${style('bold', 'Postern'.padStart(LABEL_WIDTH - 2))}  ${counted(totals.files, 'file')} on ${counted(totals.workers, 'worker')} in ${duration(durationMs)}`,
    ...summaryFacts(report).map(([label, text]) =>
      line(label, text).replace(
        label,
        ['fallbacks', 'leaks'].includes(label) ? style('yellow', label) : label,
      ),
    ),
  ];
  if (totals.files > SLOW_FILES) {
    const slow = slowestFiles(report, SLOW_FILES).map((f) => `${f.file} ${duration(f.durationMs)}`);
    lines.push(line('slowest', slow.join(' · ')));
  }
  for (const open of kept.slice(0, MOST_KEPT)) lines.push(line('kept', open));
  if (kept.length > MOST_KEPT) lines.push(line('', `and ${kept.length - MOST_KEPT} more`));
  if (written.length > 0) lines.push(line('report', written.join(' · ')));
  return lines.join('\n');
}
