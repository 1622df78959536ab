import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SsmSimulatorError, type SsmSimulatorErrorCode } from '../errors.ts';
import type { Violation } from '../violations.ts';
import type { Answer } from './calls.ts';

/** What is kept of the last words of a process that fails. */
const MAX_STDERR = 4_096;

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** The process of a simulator, and calls to it. Holds its owner open only while a call is under way. */
export class SimulatorProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #stderr = '';
  #ended = false;

  constructor(nodeArguments: readonly string[]) {
    const fromSource = import.meta.url.endsWith('.ts');
    const main = fromSource ? new URL('./main.ts', import.meta.url) : new URL('./main.js', import.meta.url);
    const flags = fromSource ? ['--conditions=@postern/source', '--disable-warning=ExperimentalWarning'] : [];
    this.#child = spawn(process.execPath, [...flags, ...nodeArguments, fileURLToPath(main)], {
      stdio: 'pipe',
      windowsHide: true,
    });
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on('error', () => {}); // it has ended: `exit` says why
    stderr?.setEncoding('utf8');
    stderr?.on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR);
    });
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#answered(line));
    this.#exited = new Promise((resolve) => {
      const gone = (reason: string): void => {
        this.#gone(reason);
        resolve();
      };
      this.#child.once('error', (error) => gone(error.message));
      // Not `exit`: its last words may still be in the pipe.
      this.#child.once('close', (code, signal) => gone(signal ?? `exit code ${code}`));
    });
    this.#hold(false);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async call(call: string, ...values: readonly unknown[]): Promise<unknown> {
    return await new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#endedError('it has ended'));
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#hold(true);
      this.#child.stdin?.write(`${JSON.stringify({ id, call, arguments: values })}\n`);
    });
  }

  /** Ends the input and waits for the process to end. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#hold(true);
    this.#child.stdin?.end();
    await this.#exited;
  }

  /** At once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #answered(line: string): void {
    const answer = JSON.parse(line) as Answer;
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0 && !this.#ended) this.#hold(false);
    if ('error' in answer) waiting?.reject(asError(answer.error));
    else waiting?.resolve(answer.value);
  }

  #gone(reason: string): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.values()) reject(this.#endedError(reason));
    this.#waiting.clear();
  }

  #endedError(reason: string): SsmSimulatorError {
    return new SsmSimulatorError(
      'SSM_SIMULATOR_PROCESS_ENDED',
      `the process of the simulator is gone: ${reason}${this.#stderr === '' ? '' : `\n${this.#stderr}`}`,
    );
  }

  /** Whether this process has to stay for the other one. */
  #hold(hold: boolean): void {
    const { stdin, stdout, stderr } = this.#child as { stdin: unknown; stdout: unknown; stderr: unknown };
    for (const handle of [this.#child, stdin, stdout, stderr] as Array<ChildProcess | Socket>)
      if (hold) handle.ref();
      else handle.unref();
  }
}

function asError({
  code,
  message,
  violations,
}: {
  code?: string;
  message: string;
  violations?: unknown;
}): Error {
  return code?.startsWith('SSM_SIMULATOR_')
    ? new SsmSimulatorError(
        code as SsmSimulatorErrorCode,
        message,
        undefined,
        violations as readonly Violation[] | undefined,
      )
    : new Error(message);
}
