import { hostPhases, reportPhases } from '../phase-times.ts';

/**
 * The page's script, first part: the timeline. Plain JavaScript for the browser, kept as text because it runs nowhere else.
 * It draws only what is in sight, files narrower than three pixels as one bar, and all rectangles of a colour as one path, so
 * that 2,000 files can be dragged. Text comes in as text nodes, never as markup.
 */
export const timelineScript: string = `
'use strict';
const report = JSON.parse(document.getElementById('data').textContent);
const PHASES = ${JSON.stringify(reportPhases)};
const BACKGROUND = new Set(['acquire', 'reset', 'pool', 'release', 'stop']);
const HOST = ${JSON.stringify({ ...hostPhases, reset: 'reset', pool: 'template', acquire: 'acquire' })};
const shown = { phases: new Set(PHASES), text: '', state: '', project: '', selected: undefined };
const listeners = [];
const refresh = () => { for (const listener of listeners) listener(); };

function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === false) continue;
    if (key === 'style') for (const [property, of] of Object.entries(value)) node.style.setProperty(property, of);
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== ''));
  return node;
}
function shape(parent, name, attributes, text) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}
function ms(value) {
  if (value === undefined) return '';
  if (value === 0) return '0';
  if (value < 1) return value.toFixed(2) + ' ms';
  if (value < 10) return value.toFixed(1) + ' ms';
  if (value < 1000) return Math.round(value) + ' ms';
  if (value < 60000) return (value / 1000).toFixed(value < 10000 ? 2 : 1) + ' s';
  return Math.floor(value / 60000) + ' min ' + Math.round((value % 60000) / 1000) + ' s';
}
const whole = (value) => value.toLocaleString('en');
const color = (phase) => 'var(--' + phase + ')';
const lower = new Map(report.files.map((file) => [file, [file.file, ...file.tests.map((test) => test.name)].join('\\n').toLowerCase()]));
function matches(file) {
  if (shown.state && file.state !== shown.state) return false;
  if (shown.project && file.project !== shown.project) return false;
  return !shown.text || lower.get(file).includes(shown.text);
}

/* Lanes: for each run the host, what it does beside the tests, and its workers. */
const lanes = [];
report.runs.forEach((run, index) => {
  const name = run.shard ? run.shard + ' ' : '';
  const front = run.host.filter((step) => !BACKGROUND.has(step.phase));
  const behind = run.host.filter((step) => BACKGROUND.has(step.phase) && step.durationMs > 0);
  if (front.length) lanes.push({ name: name + 'host', steps: front });
  if (behind.length) lanes.push({ name: name + 'pool', steps: behind });
  const slots = new Map();
  for (const file of report.files) if (file.run === index) {
    if (!slots.has(file.worker)) slots.set(file.worker, []);
    slots.get(file.worker).push(file);
  }
  for (const slot of [...slots.keys()].sort((a, b) => a - b)) lanes.push({ name: name + 'worker ' + slot, files: slots.get(slot) });
});

const timeline = (() => {
  const box = document.getElementById('lanes');
  if (!box || lanes.length === 0) return { show() {} };
  const LABEL = 84, AXIS = 22;
  const HEIGHT = lanes.length > 24 ? 18 : 28;
  const total = Math.max(report.durationMs, 1);
  let from = 0, to = total, width = 0, frame = 0, targets = [];
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('tabindex', '0');
  svg.setAttribute('role', 'group');
  svg.setAttribute('aria-label', 'Timeline of ' + report.files.length + ' files. Arrow keys move, plus and minus zoom, Home shows all. The table of files has the same data.');
  box.append(svg);
  const tip = document.getElementById('tip');
  const x = (time) => LABEL + ((time - from) / (to - from)) * (width - LABEL - 8);
  const timeAt = (px) => from + ((px - LABEL) / (width - LABEL - 8)) * (to - from);
  const plan = () => { if (!frame) frame = requestAnimationFrame(draw); };
  function window_(a, b) {
    const least = Math.min(total, 2);
    const size = Math.min(total, Math.max(least, b - a));
    from = Math.min(Math.max(0, a), total - size);
    to = from + size;
    plan();
  }
  const zoom = (factor, center = (from + to) / 2) => window_(center - (center - from) * factor, center + (to - center) * factor);

  function axis() {
    const rough = (to - from) / Math.max(2, (width - LABEL) / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
    for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
      shape(svg, 'line', { x1: x(time), x2: x(time), y1: AXIS - 6, y2: AXIS + lanes.length * HEIGHT, stroke: 'var(--line-soft)' });
      if (x(time) < width - 48) shape(svg, 'text', { x: x(time) + 3, y: 12 }, time === 0 ? '0' : ms(time));
    }
  }
  /* Rectangles of one colour are one path: the browser has hundreds of shapes to lay out, not tens of thousands. */
  let layers;
  function bar(layer, a, b, top, height, fill, opacity) {
    const left = Math.max(LABEL, x(a)), right = Math.min(width - 8, x(b));
    if (right < LABEL || left > width - 8) return;
    const key = layer + '|' + fill + '|' + opacity;
    const wide = Math.max(0.8, right - left).toFixed(1);
    layers.set(key, (layers.get(key) || '') + 'M' + left.toFixed(1) + ' ' + top + 'h' + wide + 'v' + height + 'h-' + wide + 'z');
  }
  function paint() {
    for (const key of [...layers.keys()].sort()) {
      const [, fill, opacity] = key.split('|');
      shape(svg, 'path', { d: layers.get(key), fill, opacity });
    }
  }
  const outlines = [];
  function drawFile(file, top, height) {
    const opacity = matches(file) ? 1 : 0.15;
    const end = file.start + file.durationMs;
    bar(0, file.start, end, top, height, 'var(--track)', opacity);
    if (file === shown.selected || file.state === 'failed') outlines.push({ file, top, height, opacity });
    let from_, to_;
    const flush = () => { if (to_ !== undefined) bar(1, from_, to_, top + 2, height - 4, 'var(--body)', opacity); to_ = undefined; };
    if (shown.phases.has('body')) for (const test of file.tests) {
      if (!test.start || test.state === 'skipped') continue;
      const ends = test.start + test.durationMs;
      if (test.state === 'failed') { bar(2, test.start, ends, top + 2, height - 4, 'var(--failed)', opacity); continue; }
      if (to_ !== undefined && x(test.start) - x(to_) < 0.7 && x(ends) - x(test.start) < 4) { to_ = Math.max(to_, ends); continue; }
      flush();
      from_ = test.start; to_ = ends;
    }
    flush();
    for (const span of file.spans) if (shown.phases.has(span.phase)) {
      bar(span.phase === 'import' ? 1 : 3, span.start, span.start + span.durationMs, top + 2, height - 4, color(span.phase), opacity);
    }
  }
  function drawFiles(lane, top, height) {
    let run;
    const flush = () => {
      if (run) bar(1, run.from, run.to, top, height, run.failed ? 'var(--failed)' : 'var(--body)', run.match ? 0.8 : 0.15);
      run = undefined;
    };
    for (const file of lane.files) {
      const end = file.start + file.durationMs;
      if (end < from) continue;
      if (file.start > to) break;
      targets.push({ file, top, bottom: top + height });
      if (x(end) - x(file.start) >= 3) { flush(); drawFile(file, top, height); continue; }
      const failed = file.state === 'failed', match = matches(file);
      if (run && x(file.start) - x(run.to) < 1 && run.failed === failed && run.match === match) run.to = Math.max(run.to, end);
      else { flush(); run = { from: file.start, to: end, failed, match }; }
    }
    flush();
  }
  function drawSteps(lane, top, height) {
    let last = -1e9;
    for (const step of lane.steps) {
      const end = step.start + step.durationMs;
      if (end < from || step.start > to) continue;
      targets.push({ step, top, bottom: top + height });
      const phase = HOST[step.phase] || 'environment';
      if (!shown.phases.has(phase)) continue;
      if (x(end) - last < 0.6 && step.state === 'done') continue;
      last = x(end);
      bar(1, step.start, end, top + 2, height - 4, step.state === 'failed' ? 'var(--failed)' : color(phase), 0.9);
    }
  }
  function outline({ file, top, height, opacity }) {
    const left = Math.max(LABEL, x(file.start)), right = Math.min(width - 8, x(file.start + file.durationMs));
    if (right < LABEL || left > width - 8) return;
    const picked = file === shown.selected;
    shape(svg, 'rect', { x: left, y: top, width: Math.max(2, right - left), height, rx: 3, fill: 'none', opacity, stroke: picked ? 'var(--ink)' : 'var(--failed)', 'stroke-width': picked ? 2 : 1.2 });
  }
  function draw() {
    frame = 0;
    width = Math.max(320, box.clientWidth);
    const tall = AXIS + lanes.length * HEIGHT + 4;
    svg.replaceChildren();
    svg.setAttribute('viewBox', '0 0 ' + width + ' ' + tall);
    svg.setAttribute('height', tall);
    targets = [];
    layers = new Map();
    outlines.length = 0;
    axis();
    lanes.forEach((lane, index) => {
      const top = AXIS + index * HEIGHT;
      shape(svg, 'text', { x: 0, y: top + HEIGHT / 2 + 4 }, lane.name);
      shape(svg, 'line', { x1: 0, x2: width, y1: top + HEIGHT - 0.5, y2: top + HEIGHT - 0.5, stroke: 'var(--line-soft)' });
      (lane.files ? drawFiles : drawSteps)(lane, top + 3, HEIGHT - 7);
    });
    paint();
    outlines.forEach(outline);
  }
  function targetAt(event) {
    const area = svg.getBoundingClientRect();
    const px = event.clientX - area.left, y = event.clientY - area.top;
    if (px < LABEL) return;
    const time = timeAt(px), slack = (to - from) / width * 2;
    let best;
    for (const target of targets) {
      if (y < target.top || y > target.bottom) continue;
      const it = target.file || target.step;
      if (time < it.start - slack || time > it.start + it.durationMs + slack) continue;
      if (!best || it.durationMs < (best.file || best.step).durationMs) best = target;
    }
    return best && { ...best, time };
  }
  function hint(event) {
    const target = targetAt(event);
    tip.hidden = !target;
    if (!target) return;
    const lines = [];
    if (target.file) {
      const { file, time } = target;
      lines.push(element('b', {}, file.file));
      lines.push(element('div', { class: 'quiet' }, file.tests.length + ' tests, ' + ms(file.durationMs) + ' · worker ' + file.worker + (file.databases.length ? ' · ' + file.databases.join(', ') : '')));
      const span = file.spans.find((s) => time >= s.start && time <= s.start + s.durationMs);
      const test = file.tests.find((t) => t.start && time >= t.start && time <= t.start + t.durationMs);
      if (test) lines.push(element('div', {}, test.name + ': ' + test.state + ', ' + ms(test.durationMs)));
      if (span) lines.push(element('div', {}, span.phase + ' ' + ms(span.durationMs)));
    } else {
      const { step } = target;
      lines.push(element('b', {}, step.phase + ' ' + ms(step.durationMs)));
      if (step.database) lines.push(element('div', {}, step.database));
      if (step.detail || step.reason) lines.push(element('div', { class: 'quiet' }, [step.reason, step.detail].filter(Boolean).join(': ')));
    }
    tip.replaceChildren(...lines);
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 10) + 'px';
    tip.style.top = Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 10) + 'px';
  }
  let drag;
  svg.addEventListener('pointerdown', (event) => { drag = { at: event.clientX, from, to, moved: false }; });
  addEventListener('pointerup', () => { drag = undefined; });
  svg.addEventListener('pointermove', (event) => {
    if (!drag) return hint(event);
    const by = (event.clientX - drag.at) / (width - LABEL) * (drag.to - drag.from);
    if (Math.abs(event.clientX - drag.at) > 3) { drag.moved = true; tip.hidden = true; }
    if (drag.moved) window_(drag.from - by, drag.to - by);
    svg.dataset.moved = drag.moved ? '1' : '';
  });
  svg.addEventListener('pointerleave', () => { tip.hidden = true; });
  svg.addEventListener('click', (event) => {
    if (svg.dataset.moved === '1') { svg.dataset.moved = ''; return; }
    const target = targetAt(event);
    if (target && target.file) select(target.file, false);
  });
  svg.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event.clientX - svg.getBoundingClientRect().left));
  }, { passive: false });
  svg.addEventListener('keydown', (event) => {
    const size = to - from;
    const act = { ArrowLeft: () => window_(from - size / 5, to - size / 5), ArrowRight: () => window_(from + size / 5, to + size / 5), '+': () => zoom(0.7), '=': () => zoom(0.7), '-': () => zoom(1.4), Home: () => window_(0, total) }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  document.getElementById('zoom-in').addEventListener('click', () => zoom(0.6));
  document.getElementById('zoom-out').addEventListener('click', () => zoom(1.7));
  document.getElementById('zoom-fit').addEventListener('click', () => window_(0, total));
  new ResizeObserver(plan).observe(box);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', plan);
  listeners.push(plan);
  return { show(file) { const pad = Math.max(file.durationMs * 0.5, 5); window_(file.start - pad, file.start + file.durationMs + pad); } };
})();
`;
