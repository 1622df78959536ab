import { writeFileSync } from 'node:fs';
import { buildReport } from '../src/reporter/build-report.ts';
import { reportPage } from '../src/reporter/page/report-page.ts';
import { stepSummary } from '../src/reporter/step-summary.ts';
import { terminalSummary } from '../src/reporter/terminal-summary.ts';
import { sampleRun } from './sample-run.ts';

for (const [name, o] of Object.entries({
  small: { files: 12, workers: 2 },
  mid: { files: 240, workers: 8 },
  big: { files: 2000, workers: 16 },
  shards: { files: 60, workers: 3, shards: 3 },
})) {
  const t = performance.now();
  const r = buildReport(sampleRun(o));
  const p = reportPage(r);
  console.log(name, (p.length / 1e6).toFixed(2), 'MB', Math.round(performance.now() - t), 'ms');
  writeFileSync(`/tmp/w-page/${name}.html`, p);
  if (name === 'mid') {
    console.log(terminalSummary(r, { colors: true, written: ['postern-report/index.html'] }));
    writeFileSync('/tmp/w-page/mid.md', stepSummary(r));
  }
}
