/** The page's script, second part: filters, the table of files and the details of one. */
export const filesScript: string = `
const STEP = 50;
let rowsShown = STEP, testsShown = STEP;
const order = { key: 'durationMs', down: true };
const COLUMNS = [
  ['file', 'File', (file) => file.file],
  ['worker', 'Worker', (file) => file.run * 1000 + file.worker, (file) => (report.runs.length > 1 ? (report.runs[file.run].shard || file.run + 1) + ' · ' : '') + file.worker],
  ['durationMs', 'Time', (file) => file.durationMs, (file) => ms(file.durationMs)],
  ['shape', 'Where it went', undefined],
  ...['import', 'acquire', 'connect', 'reset', 'body'].map((phase) => [phase, phase, (file) => file.phases[phase] || 0, (file) => ms(file.phases[phase])]),
  ['queries', 'Statements', (file) => file.queries, (file) => whole(file.queries)],
];

function shapeOf(file) {
  const bar = element('span', { class: 'stack', role: 'img', 'aria-label': PHASES.filter((phase) => file.phases[phase]).map((phase) => phase + ' ' + ms(file.phases[phase])).join(', ') });
  const sum = Math.max(1, PHASES.reduce((all, phase) => all + (file.phases[phase] || 0), 0));
  for (const phase of PHASES) if (file.phases[phase]) bar.append(element('i', { style: { width: (file.phases[phase] / sum * 100).toFixed(2) + '%', background: color(phase) } }));
  return bar;
}
function drawTable() {
  const found = report.files.filter(matches);
  const value = COLUMNS.find(([key]) => key === order.key)[2];
  found.sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -1 : x > y ? 1 : 0) * (order.down ? -1 : 1); });
  const head = element('tr', {}, ...COLUMNS.map(([key, label, sort], index) => element('th', { scope: 'col', class: index > 1 && key !== 'shape' ? 'n' : undefined, 'aria-sort': order.key === key ? (order.down ? 'descending' : 'ascending') : undefined },
    sort ? element('button', { type: 'button', onclick: () => { order.down = order.key === key ? !order.down : index > 1; order.key = key; refresh(); } }, label) : label)));
  const rows = found.slice(0, rowsShown).map((file) => element('tr', { class: file === shown.selected ? 'on' : undefined },
    element('td', { class: 'file' }, element('span', { class: 'dot ' + file.state }), element('span', { class: 'visually-hidden' }, file.state + ' '), element('button', { type: 'button', onclick: () => select(file, true) }, file.file), file.project ? element('span', { class: 'sub small tag' }, file.project) : ''),
    ...COLUMNS.slice(1).map(([key, , , text]) => key === 'shape' ? element('td', {}, shapeOf(file)) : element('td', { class: 'n' }, text(file)))));
  document.getElementById('files-head').replaceChildren(head);
  document.getElementById('files-rows').replaceChildren(...rows);
  document.getElementById('files-count').textContent = found.length === report.files.length ? whole(found.length) : whole(found.length) + ' of ' + whole(report.files.length);
  const more = document.getElementById('files-more');
  more.hidden = found.length <= rowsShown;
  more.textContent = 'Show ' + whole(Math.min(STEP * 2, found.length - rowsShown)) + ' more of ' + whole(found.length - rowsShown);
}
function select(file, scroll) {
  shown.selected = file;
  testsShown = STEP;
  refresh();
  if (scroll) { timeline.show(file); document.getElementById('timeline').scrollIntoView({ block: 'nearest' }); }
}
function drawDetails() {
  const box = document.getElementById('details');
  const file = shown.selected;
  box.hidden = !file;
  if (!file) return;
  const facts = [whole(file.tests.length) + ' tests in ' + ms(file.durationMs), ...PHASES.filter((phase) => file.phases[phase]).map((phase) => phase + ' ' + ms(file.phases[phase]))];
  if (file.queries) facts.push(whole(file.queries) + ' statements, ' + whole(file.roundTrips) + ' round trips, ' + whole(file.connections) + ' connections');
  if (file.errors) facts.push(whole(file.errors) + ' refused');
  if (file.retries) facts.push(whole(file.retries) + ' retries');
  if (file.databases.length) facts.push(file.databases.join(', '));
  const longest = Math.max(1, ...file.tests.map((test) => test.durationMs));
  const tests = file.tests.slice(0, testsShown).map((test) => {
    const more = [test.acquireMs !== undefined ? 'acquire ' + ms(test.acquireMs) : '', test.connectMs !== undefined ? 'connect ' + ms(test.connectMs) : '', test.counters && test.counters.queries ? whole(test.counters.queries) + ' statements' : ''].filter(Boolean).join(', ');
    return element('tr', {},
      element('td', { class: 'file' }, element('span', { class: 'dot ' + test.state }), element('span', { class: 'visually-hidden' }, test.state + ' '), test.name),
      element('td', {}, element('span', { class: 'stack' }, element('i', { style: { width: (test.durationMs / longest * 100).toFixed(2) + '%', background: test.state === 'failed' ? 'var(--failed)' : 'var(--body)' } }))),
      element('td', { class: 'n' }, test.state === 'skipped' ? 'skipped' : ms(test.durationMs)), element('td', { class: 'quiet' }, more));
  });
  const close = element('button', { type: 'button', onclick: () => { shown.selected = undefined; refresh(); } }, 'Close');
  const rest = file.tests.length - testsShown;
  box.replaceChildren(element('div', { class: 'head' }, element('h3', {}, file.file), close), element('p', { class: 'sub' }, facts.join(' · ')),
    element('div', { class: 'scroll' }, element('table', {}, element('tbody', {}, ...tests))),
    rest > 0 ? element('button', { class: 'more-row', type: 'button', onclick: () => { testsShown += STEP * 5; refresh(); } }, 'Show more of ' + whole(rest)) : '');
}
listeners.push(drawTable, drawDetails);

const on = (id, event, act) => { const node = document.getElementById(id); if (node) node.addEventListener(event, act); };
const again = () => { rowsShown = STEP; refresh(); };
on('files-more', 'click', () => { rowsShown += STEP * 2; refresh(); });
on('filter-text', 'input', (event) => { shown.text = event.target.value.trim().toLowerCase(); again(); });
on('filter-state', 'change', (event) => { shown.state = event.target.value; again(); });
on('filter-project', 'change', (event) => { shown.project = event.target.value; again(); });
for (const box of document.querySelectorAll('[data-phase]')) box.addEventListener('change', () => { shown.phases[box.checked ? 'add' : 'delete'](box.dataset.phase); refresh(); });
for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', () => navigator.clipboard.writeText(button.dataset.copy).then(() => { button.textContent = 'Copied'; }));
}
for (const bar of document.querySelectorAll('[data-left]')) { bar.style.left = bar.dataset.left + '%'; bar.style.width = bar.dataset.width + '%'; bar.style.background = color(bar.dataset.fill); }
for (const bar of document.querySelectorAll('[data-swatch]')) bar.style.background = color(bar.dataset.swatch);
refresh();
`;
