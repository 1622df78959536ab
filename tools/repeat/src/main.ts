import { type ChildProcess, spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

/**
 * npm run test:repeat -- TIMES [-- NX ARGS]
 *
 * Runs every test TIMES times with Nx's cache off and a process beside it that burns one core, because a test
 * that passes only on an idle machine is a flake in waiting. Prints one line a round and ends with 1 if any failed.
 */

const { positionals } = parseArgs({ allowPositionals: true });
const times = Number(positionals[0] ?? 10);
if (!Number.isSafeInteger(times) || times < 1) {
  console.error(
    `TIMES must be a whole number from 1 on, not "${positionals[0]}". Example: npm run test:repeat -- 10`,
  );
  process.exit(2);
}
const command =
  positionals.length > 1
    ? positionals.slice(1)
    : ['run-many', '-t', 'test', 'integration', '--output-style=static'];

interface Round {
  code: number;
  seconds: number;
  output: string;
}

function round(): Promise<Round> {
  const started = performance.now();
  const child = spawn('nx', [...command, '--skip-nx-cache'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        code: code ?? 1,
        seconds: (performance.now() - started) / 1000,
        output: Buffer.concat(output).toString(),
      }),
    );
  });
}

/** Keeps one core busy until it is killed, or until this process is gone. */
function burnOneCore(): ChildProcess {
  const burner =
    'const parent = process.ppid; for (;;) { const until = Date.now() + 1000; while (Date.now() < until); if (process.ppid !== parent) process.exit(); }';
  return spawn(process.execPath, ['-e', burner], { stdio: 'ignore' });
}

const burner = burnOneCore();
let failed = 0;
try {
  for (let number = 1; number <= times; number += 1) {
    const { code, seconds, output } = await round();
    if (code !== 0) {
      failed += 1;
      console.log(output);
    }
    console.log(
      `round ${number} of ${times}: ${code === 0 ? 'passed' : `FAILED (${code})`} in ${seconds.toFixed(1)} s`,
    );
  }
} finally {
  burner.kill('SIGKILL');
}
console.log(`${times - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
