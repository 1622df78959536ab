import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';

/**
 * Ends the functions' processes when this process dies without a word (SIGKILL). A frozen process cannot
 * notice that itself, so one small shell holds the list and waits for the end of its input.
 */
export class DeathWatch {
  #shell: ChildProcess | undefined;

  add(pid: number): void {
    this.#shell ??= start();
    this.#shell?.stdin?.write(`+ ${pid}\n`);
  }

  remove(pid: number): void {
    this.#shell?.stdin?.write(`- ${pid}\n`);
  }

  close(): void {
    this.#shell?.stdin?.end();
    this.#shell = undefined;
  }
}

/** Kills process groups, so that what a function started ends as well. dash knows no `--` here. */
const script = `
pids=
while read -r change pid; do
  if [ "$change" = + ]; then pids="$pids $pid"; else
    kept=; for each in $pids; do [ "$each" = "$pid" ] || kept="$kept $each"; done; pids=$kept
  fi
done
for pid in $pids; do kill -9 "-$pid" 2>/dev/null; done
`;

function start(): ChildProcess | undefined {
  if (process.platform === 'win32') return undefined;
  const shell = spawn('/bin/sh', ['-c', script], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
    env: {}, // it needs nothing of ours, least of all credentials
  });
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  (shell.stdin as unknown as { unref(): void }).unref();
  return shell;
}
