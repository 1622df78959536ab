import { counted, duration, number, tally } from '../format.ts';
import { hostPhases } from '../phase-times.ts';
import type { PhaseTotals, Report, ReportHostStep, ReportPhase } from '../report.ts';
import { overheadShare } from '../summary-facts.ts';
import { html, type Markup } from './html.ts';

/** Rows of a list that would be too long for anybody. */
const MOST_ROWS = 200;

export function tiles(report: Report): Markup {
  const { totals, fallbacks, kept, leaks } = report;
  const { phases, origins } = totals;
  const share = overheadShare(report);
  const attention = [
    counted(fallbacks.length, 'fallback'),
    counted(kept.length, 'kept database'),
    counted(leaks.length, 'leaked session'),
  ].filter((text) => !text.startsWith('0'));
  return html`<section class="tiles" aria-label="Totals">
${tile('Wait for a database', phases.acquire ? duration(phases.acquire.p50) : '–', phases.acquire ? `median · ${spread(phases.acquire)}` : 'no database was used')}
${tile('Databases', number(origins.clone + origins.reset), `${number(origins.reset)} reset · ${number(origins.clone)} cloned`)}
${tile('Waiting, of all test time', share === undefined ? '–' : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`, 'acquire, connect and reset')}
${tile('Connections', number(totals.connections), phases.connect ? `median ${duration(phases.connect.p50)} · ${spread(phases.connect)}` : 'opened by the tests')}
${tile('Statements', number(totals.queries), `${counted(totals.roundTrips, 'round trip')} · ${number(totals.errors)} refused · ${counted(totals.retries, 'retry', 'retries')}`)}
${tile('To look at', attention.length === 0 ? 'Nothing' : number(fallbacks.length + kept.length + leaks.length), attention.length === 0 ? 'no fallback, leak or kept database' : html`<a href="#notes">${attention.join(' · ')}</a>`)}
</section>`;
}

function tile(label: string, value: string, note: string | Markup): Markup {
  return html`<div class="card"><div class="tile-label">${label}</div><div class="tile-value">${value}</div><div class="tile-note">${note}</div></div>`;
}

function spread({ p95, max }: PhaseTotals): string {
  return `p95 ${duration(p95)} · max ${duration(max)}`;
}

/** What happened before the first test, step by step. */
export function steps({ runs }: Report): Markup {
  return html`${runs.map((run) => {
    const front = run.host.filter(({ phase }) => hostPhases[phase] !== undefined).slice(0, MOST_ROWS);
    if (front.length === 0) return html``;
    const start = Math.min(...front.map((step) => step.start));
    const end = Math.max(...front.map((step) => step.start + step.durationMs));
    const span = Math.max(1, end - start);
    const rows = html`<div class="steps">${front.map((step) => stepRow(step, start, span))}</div>`;
    if (runs.length === 1) {
      return html`<section class="card"><div class="head"><h2>Before the tests</h2><span class="sub">${duration(span)}</span></div>
${rows}</section>`;
    }
    return html`<details class="card"><summary><h2>Before the tests${run.shard !== '' && ` of shard ${run.shard}`}</h2> <span class="sub">${duration(span)}</span></summary>
${rows}</details>`;
  })}`;
}

function stepRow(step: ReportHostStep, start: number, span: number): Markup {
  const left = (((step.start - start) / span) * 100).toFixed(2);
  const width = ((step.durationMs / span) * 100).toFixed(2);
  const fill = step.state === 'failed' ? 'failed' : hostPhases[step.phase];
  const counts = Object.entries(step.counts ?? {}).map(([name, count]) =>
    counted(count, name.replace(/s$/, ''), name),
  );
  const more = [...(step.detail === undefined ? [] : [step.detail]), ...counts].join(' · ');
  return html`<span class="what">${step.phase}</span><span class="track"><i data-left="${left}" data-width="${width}" data-fill="${fill}"></i></span><span class="n">${step.state === 'done' ? duration(step.durationMs) : html`<span class="failed-text">${step.state}</span>`}</span>${more !== '' && html`<span class="more">${more}</span>`}
`;
}

const WHAT: Readonly<Record<ReportPhase, string>> = {
  environment: 'cloud, endpoint, tunnel',
  template: 'artefact, deployment, migrations, template',
  import: 'vitest loads setup files and the file',
  acquire: 'a test waits for its database',
  connect: 'connections open',
  reset: 'the database is given back; it is put back in the background',
  body: 'the tests without these',
};

const BACKGROUND: Readonly<Record<string, string>> = {
  reset: 'the host puts a database back',
  pool: 'the host clones and drops databases',
  acquire: 'the host gives a database out',
};

export function phaseTable({ totals: { phases, background } }: Report): Markup {
  return html`<section class="card"><div class="head"><h2>Phases</h2></div><div class="scroll"><table><thead><tr><th scope="col">Phase</th><th scope="col"></th><th class="n" scope="col">Count</th><th class="n" scope="col">Total</th><th class="n" scope="col">p50</th><th class="n" scope="col">p95</th><th class="n" scope="col">p99</th><th class="n" scope="col">Max</th></tr></thead><tbody>${(
    Object.keys(WHAT) as ReportPhase[]
  ).map((phase) => {
    const t = phases[phase];
    return (
      t && phaseRow(html`<span class="chip"><i data-swatch="${phase}"></i>${phase}</span>`, WHAT[phase], t)
    );
  })}${Object.entries(background).map(([phase, t]) => phaseRow(html`<span class="quiet">in the background</span>`, BACKGROUND[phase] ?? phase, t))}</tbody></table></div></section>`;
}

/** Fallbacks, kept databases and leaks. */
export function notes({ fallbacks, kept, leaks }: Report): Markup {
  if (fallbacks.length + kept.length + leaks.length === 0) return html``;
  const where = (file: string, test: string | undefined): Markup =>
    html`${file}${test !== undefined && html`<div class="quiet">${test}</div>`}`;
  const reasons = tally(fallbacks.map(({ reason }) => reason));
  return html`<div id="notes">
${kept.length > 0 && html`<section class="card"><div class="head"><h2>Kept databases</h2></div><div class="scroll"><table><thead><tr><th scope="col">Test</th><th scope="col">Open it with</th><th scope="col">Until</th></tr></thead><tbody>${kept.slice(0, MOST_ROWS).map(({ file, test, database, open, until }) => html`<tr><td class="file">${where(file, test)}</td><td><code>${open ?? database}</code> <button type="button" hidden data-copy="${open ?? database}">Copy</button></td><td>${until?.replace('T', ' ').slice(0, 19)}${until && ' UTC'}</td></tr>`)}</tbody></table></div></section>`}
${leaks.length > 0 && html`<section class="card"><div class="head"><h2>Leaked sessions</h2></div><div class="scroll"><table><thead><tr><th scope="col">Test</th><th scope="col">What</th><th scope="col">Where it comes from</th></tr></thead><tbody>${leaks.slice(0, MOST_ROWS).map(({ file, test, kind, role, stack }) => html`<tr><td class="file">${where(file, test)}</td><td>${kind}${role !== undefined && html`<div class="quiet">${role}</div>`}</td><td><pre class="stackframes">${stack.join('\n')}</pre></td></tr>`)}</tbody></table></div></section>`}
${fallbacks.length > 0 && html`<section class="card"><div class="head"><h2>Fallbacks</h2>${reasons.map(([reason, count]) => html`<span class="pill warn">${reason} ${number(count)}</span>`)}</div><div class="scroll"><table><thead><tr><th scope="col">Database</th><th scope="col">Reason</th><th scope="col">What</th></tr></thead><tbody>${fallbacks.slice(0, MOST_ROWS).map(({ database, reason, detail }) => html`<tr><td class="file">${database ?? ''}</td><td><code>${reason}</code></td><td>${detail ?? ''}</td></tr>`)}</tbody></table></div>${fallbacks.length > MOST_ROWS && html`<p class="quiet">and ${number(fallbacks.length - MOST_ROWS)} more, in report.json</p>`}</section>`}
</div>`;
}

function phaseRow(name: Markup, what: string, t: PhaseTotals): Markup {
  return html`<tr><td>${name}</td><td class="quiet">${what}</td><td class="n">${number(t.count)}</td>${[t.totalMs, t.p50, t.p95, t.p99, t.max].map((ms) => html`<td class="n">${duration(ms)}</td>`)}</tr>`;
}
