// node tools/scripts/checks.mjs: every check and test of the workspace, with what failed printed once more at the end.
// Whoever looks at a long log, above all at one that a CI service has cut, looks at its end.
import { spawn } from 'node:child_process';
import './check-node.mjs';

const targets = ['lint', 'typecheck', 'test', 'integration', 'build'];
const child = spawn('nx', ['run-many', '-t', ...targets, '--output-style=static', ...process.argv.slice(2)], {
  stdio: ['inherit', 'pipe', 'pipe'],
  shell: process.platform === 'win32',
  env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
process.on('SIGINT', () => {});

let output = '';
for (const [from, to] of [
  [child.stdout, process.stdout],
  [child.stderr, process.stderr],
]) {
  from.setEncoding('utf8').on('data', (text) => {
    output += text;
    to.write(text);
  });
}
child.on('error', (error) => {
  console.error(`nx cannot be started: ${error.message}. Next step: npm ci`);
  process.exitCode = 1;
});
child.on('close', (code) => {
  process.exitCode = code ?? 1;
  if (code !== 0) console.log(repeated(output));
});

/** The ends of the failed tasks' outputs; of a test run what vitest says from its failures on. */
function repeated(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with ESC
  const lines = text.replaceAll(/\u001B\[[\d;]*m/g, '').split('\n');
  const list = lines.slice(lines.lastIndexOf('Failed tasks:'));
  const failed = list.filter((line) => /^- \S+:\S+$/.test(line)).map((line) => line.slice(2));
  const starts = lines.flatMap((line, index) => (/^> nx run \S/.test(line) ? [index] : []));
  return failed
    .map((task) => {
      const start = starts.findLast((index) => lines[index].startsWith(`> nx run ${task}`)) ?? 0;
      const end = starts.find((index) => index > start) ?? lines.length;
      const section = lines.slice(start, end);
      const from = section.findIndex((line) => /Failed (Tests|Suites)|Unhandled Errors/.test(line));
      return `\n===== what failed: ${task}\n${section
        .slice(from === -1 ? -60 : from)
        .slice(0, 120)
        .join('\n')}`;
    })
    .join('\n');
}
