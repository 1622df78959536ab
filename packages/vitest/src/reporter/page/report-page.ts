import { createHash } from 'node:crypto';
import { counted, duration, number } from '../format.ts';
import { reportPhases } from '../phase-times.ts';
import type { Report } from '../report.ts';
import { html, jsonData, Markup } from './html.ts';
import { filesScript } from './script-files.ts';
import { timelineScript } from './script-timeline.ts';
import { notes, phaseTable, steps, tiles } from './sections.ts';
import { pageStyle } from './style.ts';

const script = timelineScript + filesScript;
const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
/** The page asks nothing of anybody, and runs no script but its own. */
const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(pageStyle)}; base-uri 'none'; form-action 'none'`;

/** One file with everything in it: opens from a disk, from a CI's artifact view, and in a year. */
export function reportPage(report: Report): string {
  const { totals, state } = report;
  const projects = [...new Set(report.files.map(({ project }) => project))].toSorted();
  const title = `${counted(totals.files, 'file')}, ${counted(totals.tests, 'test')} in ${duration(report.durationMs)}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Postern: ${title}</title>
<style>${new Markup(pageStyle)}</style>
</head>
<body>
<header>
<div class="brand">Postern</div>
<h1>${title}</h1>
<span class="pill ${state}">${state}</span>
<span class="sub">${number(totals.passed)} passed · ${number(totals.failed)} failed · ${number(totals.skipped)} skipped · ${counted(totals.workers, 'worker')}${report.runs.length > 1 && ` · ${counted(report.runs.length, 'run')}`} · vitest ${report.vitest} · <time datetime="${report.startedAt}">${report.startedAt.replace('T', ' ').slice(0, 19)} UTC</time></span>
</header>
<main>
${tiles(report)}
${steps(report)}
<div class="filters" role="search">
<input type="search" id="filter-text" placeholder="File or test" aria-label="Filter by file or test">
<select id="filter-state" aria-label="Filter by state"><option value="">Every state</option>${['passed', 'failed', 'skipped', 'pending'].map((each) => html`<option>${each}</option>`)}</select>
${projects.length > 1 && html`<select id="filter-project" aria-label="Filter by project"><option value="">Every project</option>${projects.map((each) => html`<option>${each}</option>`)}</select>`}
</div>
<section class="card" id="timeline">
<div class="head"><h2>Timeline</h2>
<div class="legend" role="group" aria-label="Phases shown">${reportPhases.filter((phase) => phase in totals.phases).map((phase) => html`<label class="chip"><input type="checkbox" checked data-phase="${phase}"><i data-swatch="${phase}"></i>${phase}</label>`)}</div>
<div><button type="button" id="zoom-in" aria-label="Zoom in">+</button> <button type="button" id="zoom-out" aria-label="Zoom out">−</button> <button type="button" id="zoom-fit">All</button></div></div>
<div class="lanes" id="lanes"></div>
<p class="quiet small">Drag to move, Ctrl and wheel to zoom, click on a file for its tests.</p>
<noscript><p>The timeline and the table of files need JavaScript; everything else is here.</p></noscript>
</section>
<section class="card" id="details" aria-live="polite" hidden></section>
${notes(report)}
${phaseTable(report)}
<section class="card"><div class="head"><h2>Files</h2><span class="sub" id="files-count"></span></div>
<div class="scroll"><table><thead id="files-head"></thead><tbody id="files-rows"></tbody></table></div>
<button class="more-row" type="button" id="files-more" hidden></button></section>
</main>
<footer>Made by @postern/vitest. Times are milliseconds of wall clock; “body” is a test without what it waited for its database.</footer>
<div id="tip" role="tooltip" hidden></div>
<script type="application/json" id="data">${jsonData(report)}</script>
<script>${new Markup(script)}</script>
</body>
</html>
`.text;
}
