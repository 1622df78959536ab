/** The page's style sheet. Colours of phases differ in lightness as well as in hue. */
export const pageStyle: string = `
:root {
  color-scheme: light dark;
  --ground: #f7f8fa; --card: #ffffff; --line: #dfe3ea; --line-soft: #edf0f4;
  --ink: #18202c; --ink-2: #566072; --accent: #2456c8; --hover: #f0f4fc;
  --ok: #1a7f4b; --ok-soft: #e2f4ea; --bad: #c22f3d; --bad-soft: #fde8ea; --warn: #8f5a00; --warn-soft: #fdf1d8;
  --environment: #64748b; --template: #7c5cc4; --import: #a3aebd; --acquire: #e08a1e; --connect: #c0468a;
  --reset: #12897b; --body: #6f9de2; --failed: #c22f3d; --background: #cfd6e0; --track: #e6eaf0;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) { :root {
  --ground: #0f131a; --card: #171d27; --line: #2b3442; --line-soft: #212936;
  --ink: #e6ebf3; --ink-2: #9aa7ba; --accent: #8db2ff; --hover: #1e2734;
  --ok: #6bd49b; --ok-soft: #14321f; --bad: #ff8d96; --bad-soft: #3b1a1f; --warn: #f0b955; --warn-soft: #37290d;
  --environment: #8594ab; --template: #a78bf0; --import: #4d596b; --acquire: #f2a43c; --connect: #e56fb0;
  --reset: #35bfae; --body: #466ba8; --failed: #f0606c; --background: #38424f; --track: #262f3c;
} }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; font-variant-numeric: tabular-nums; }
main, header { max-width: 1360px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 28px; padding-bottom: 20px; display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: baseline; }
h1 { font-size: 22px; font-weight: 650; letter-spacing: -.01em; margin: 0; }
h2 { font-size: 15px; font-weight: 650; margin: 0; }
h3 { font-size: 13px; font-weight: 650; margin: 0 0 8px; overflow-wrap: anywhere; }
p { margin: 0; } a { color: var(--accent); }
td .tag { margin-left: 8px; } td:has(.stack) { padding-right: 20px; padding-top: 11px; }
.sub { color: var(--ink-2); } .small { font-size: 12px; }
.brand { font-weight: 650; color: var(--ink-2); letter-spacing: .02em; flex-basis: 100%; }
.pill { display: inline-block; padding: 1px 10px; border-radius: 999px; font-weight: 600; font-size: 12.5px; background: var(--ok-soft); color: var(--ok); }
.pill.failed { background: var(--bad-soft); color: var(--bad); } .pill.interrupted, .pill.warn { background: var(--warn-soft); color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin-bottom: 16px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; margin-bottom: 16px; min-width: 0; }
.tiles .card { margin: 0; padding: 14px 16px; }
.tile-label { color: var(--ink-2); font-size: 12.5px; } .tile-value { font-size: 24px; font-weight: 620; letter-spacing: -.02em; line-height: 1.3; }
.tile-note { color: var(--ink-2); font-size: 12.5px; }
.head { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-bottom: 12px; }
.head h2 { margin-right: auto; }
.head h3 { margin: 0 auto 0 0; }
summary { cursor: pointer; } summary h2 { display: inline; } details[open] summary { margin-bottom: 12px; }
.steps { display: grid; grid-template-columns: max-content minmax(120px, 1fr) max-content; gap: 6px 14px; align-items: center; }
.steps .what { font-weight: 550; } .steps .track { position: relative; height: 14px; background: var(--line-soft); border-radius: 4px; }
.steps .track i { position: absolute; top: 0; bottom: 0; border-radius: 4px; min-width: 3px; }
.steps .more { grid-column: 2 / -1; color: var(--ink-2); font-size: 12.5px; margin-top: -4px; overflow-wrap: anywhere; }
.failed-text { color: var(--bad); font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 6px; }
.chip { display: inline-flex; align-items: center; gap: 6px; border: 1px solid var(--line); border-radius: 999px; padding: 2px 10px 2px 8px; font-size: 12.5px; cursor: pointer; user-select: none; background: var(--card); }
.chip input { position: absolute; opacity: 0; width: 1px; height: 1px; } .chip i { width: 10px; height: 10px; border-radius: 3px; }
.chip:has(input:not(:checked)) { opacity: .5; text-decoration: line-through; } .chip:has(input:focus-visible) { outline: 2px solid var(--accent); outline-offset: 1px; }
button, select, input[type=search] { font: inherit; font-size: 13px; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 7px; padding: 4px 10px; }
button { cursor: pointer; } button:hover { background: var(--hover); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
input[type=search] { min-width: 220px; }
.filters { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; position: sticky; top: 0; z-index: 3; background: var(--ground); padding: 10px 0; }
#timeline { position: relative; } #timeline svg { display: block; width: 100%; cursor: grab; border-radius: 6px; touch-action: pan-y; }
#timeline svg:active { cursor: grabbing; } svg text { font-size: 11px; fill: var(--ink-2); font-family: inherit; }
.lanes { max-height: 620px; overflow: auto; overscroll-behavior: contain; }
#tip { position: fixed; z-index: 9; max-width: 420px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 8px 12px; font-size: 12.5px; pointer-events: none; box-shadow: 0 6px 24px #0002; overflow-wrap: anywhere; }
#tip[hidden] { display: none; } #tip b { display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line-soft); vertical-align: top; }
th { color: var(--ink-2); font-weight: 550; white-space: nowrap; } th button { border: 0; background: none; padding: 0; color: inherit; font-weight: inherit; }
th[aria-sort=descending] button::after { content: " ↓"; } th[aria-sort=ascending] button::after { content: " ↑"; }
td.n, th.n { text-align: right; white-space: nowrap; } td.file { overflow-wrap: anywhere; min-width: 220px; }
td.file button { border: 0; background: none; padding: 0; color: var(--accent); text-align: left; overflow-wrap: anywhere; }
tr.on td { background: var(--hover); }
.stack { display: flex; height: 12px; min-width: 120px; border-radius: 3px; overflow: hidden; background: var(--line-soft); } .stack i { display: block; height: 100%; }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; background: var(--ok); margin-right: 6px; } .dot.failed { background: var(--bad); } .dot.skipped, .dot.pending { background: var(--background); }
.stackframes { font: 12px/1.6 var(--mono); color: var(--ink-2); white-space: pre-wrap; overflow-wrap: anywhere; margin: 2px 0 0; }
code { font: 12.5px/1.5 var(--mono); overflow-wrap: anywhere; }
.more-row { margin-top: 10px; } .quiet { color: var(--ink-2); }
footer { max-width: 1360px; margin: 0 auto; padding: 4px 24px 32px; color: var(--ink-2); font-size: 12.5px; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media print { .filters, #timeline button { display: none; } .lanes { max-height: none; } }
@media (max-width: 700px) { main, header, footer { padding-left: 14px; padding-right: 14px; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
`;
