// node tools/scripts/run.mjs FILE [ARGS]: runs a TypeScript file of this repository with the workspace's
// packages resolved to their sources. Signals reach the child through the terminal's process group; a signal
// sent to this process alone is passed on, and the child's exit code is ours.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import './check-node.mjs';

const child = spawn(process.execPath, ['--conditions=@postern/source', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
process.on('SIGINT', () => {});
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
