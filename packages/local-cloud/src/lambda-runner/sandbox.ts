import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DeathWatch } from './death-watch.ts';
import { Output } from './output.ts';
import { processMemory } from './process-memory.ts';
import type { PendingInvocation, RuntimeApiServer } from './runtime-api-server.ts';
import { startRuntimeApi } from './runtime-api-server.ts';

export interface SandboxOptions {
  readonly folder: string;
  readonly memoryMb: number;
  readonly legacy: boolean;
  readonly hosts: Readonly<Record<string, string>>;
  /** The function's whole environment, but for the Runtime API's address. */
  readonly environment: Readonly<Record<string, string>>;
  readonly deathWatch: DeathWatch;
  /** Where Node may keep the runtime client with its types stripped; saves a child 100 ms and 18 MB. */
  readonly compileCacheDir: string;
}

/** How initialising or an invocation ended. */
export type Outcome =
  | { readonly kind: 'ready' }
  | { readonly kind: 'response'; readonly body: Buffer }
  | { readonly kind: 'error'; readonly body: Buffer }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'exit'; readonly message: string; readonly status: string };

interface SandboxState {
  /** Ends what is awaited now: initialising or an invocation. */
  current: ((outcome: Outcome) => void) | undefined;
  onNext: (() => void) | undefined;
}

/** Source runs as TypeScript, the built package as JavaScript. */
const clientFile = fileURLToPath(new URL(`./runtime/main${extname(import.meta.url)}`, import.meta.url));
const memoryPollMs = 50;
/** How long output may take to arrive after the answer did. */
const outputGraceMs = 1000;

/**
 * One process that runs one function, an invocation at a time, as Lambda's execution environments do. Between
 * invocations it is frozen: what a function leaves running after its answer does not run.
 */
export class Sandbox {
  readonly output: Output = new Output();
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #api: RuntimeApiServer;
  readonly #state: SandboxState;
  #alive = true;
  #idle = false;
  #outOfMemory = false;
  #peakBytes = 0;

  private constructor(
    child: ChildProcess,
    api: RuntimeApiServer,
    state: SandboxState,
    options: SandboxOptions,
  ) {
    this.#child = child;
    this.#api = api;
    this.#state = state;
    for (const stream of [child.stdout, child.stderr]) this.output.read(stream as Readable);
    // A frozen process allocates nothing.
    const poll = setInterval(() => this.#idle || this.#watchMemory(options.memoryMb), memoryPollMs);
    poll.unref();
    if (child.pid !== undefined) options.deathWatch.add(child.pid);
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (!this.#alive) return;
        this.#alive = false;
        clearInterval(poll);
        if (child.pid !== undefined) options.deathWatch.remove(child.pid);
        api.close();
        state.current?.(exitOutcome(code, this.#outOfMemory ? 'SIGKILL' : signal));
        resolve();
      };
      // `close` comes after `exit` and after all output, unless a process that left the group holds the pipes.
      child.once('close', end);
      child.once('exit', (code, signal) => {
        // With the function ends what it started, as on AWS, where the whole environment goes.
        this.#signal('SIGKILL');
        setTimeout(end, outputGraceMs, code, signal).unref();
      });
      child.once('error', () => end(1, null));
    });
  }

  /** Starts the process; `initialise()` tells when the function is loaded. */
  static async start(options: SandboxOptions): Promise<Sandbox> {
    const state: SandboxState = { current: undefined, onNext: undefined };
    const api = await startRuntimeApi({
      onNext: () => {
        state.onNext?.();
        state.current?.({ kind: 'ready' });
      },
      onResponse: (_id, body) => state.current?.({ kind: 'response', body }),
      onError: (_id, body) => state.current?.({ kind: 'error', body }),
      onInitError: (body) => state.current?.({ kind: 'error', body }),
    });
    const heapMb = Math.max(64, Math.floor(options.memoryMb * 0.9));
    const flags = [`--max-old-space-size=${heapMb}`, '--disable-warning=ExperimentalWarning'];
    const settings = JSON.stringify({ hosts: options.hosts, legacy: options.legacy });
    const child = spawn(process.execPath, [...flags, clientFile, settings], {
      cwd: options.folder,
      env: {
        ...options.environment,
        AWS_LAMBDA_RUNTIME_API: api.address,
        ...(clientFile.endsWith('.ts') ? { NODE_COMPILE_CACHE: options.compileCacheDir } : {}),
      },
      // The fourth is the lifeline: it ends when this process does.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C at a terminal is for the host to handle.
      detached: process.platform !== 'win32',
    });
    child.unref();
    for (const stream of child.stdio) (stream as { unref?: () => void } | null)?.unref?.();
    return new Sandbox(child, api, state, options);
  }

  /** Answered and frozen: ready for the next event. */
  get idle(): boolean {
    return this.#alive && this.#idle;
  }

  /** Highest resident size so far; 0 where it cannot be known. */
  get peakBytes(): number {
    this.#watchMemory(Number.POSITIVE_INFINITY);
    return this.#peakBytes;
  }

  /** Waits until the function is loaded: `ready`, an init `error`, `exit`, or `timeout` (then it is killed). */
  async initialise(limitMs: number): Promise<Outcome> {
    return this.#until(limitMs, () => undefined);
  }

  /** Hands over one event. The clock of the time limit starts here. */
  async run(invocation: Omit<PendingInvocation, 'deadlineMs'>, limitMs: number): Promise<Outcome> {
    const next = new Promise<void>((resolve) => {
      this.#state.onNext = resolve;
    });
    const outcome = await this.#until(limitMs, () => {
      this.#idle = false;
      this.#signal('SIGCONT');
      this.#api.deliver({ ...invocation, deadlineMs: Date.now() + limitMs });
    });
    if (outcome.kind === 'response' || outcome.kind === 'error') {
      await this.output.complete(invocation.requestId, outputGraceMs);
      // Idle is who asked for the next event; one who does not is not reused.
      const idle = await Promise.race([
        next.then(() => true),
        this.exited.then(() => false),
        sleep(outputGraceMs, false, { ref: false }),
      ]);
      if (idle) this.#freeze();
      else this.kill();
    }
    return outcome;
  }

  #freeze(): void {
    this.#idle = true;
    this.#signal('SIGSTOP');
  }

  kill(): void {
    this.#idle = false;
    if (this.#alive) this.#signal('SIGKILL');
  }

  async #until(limitMs: number, begin: () => void): Promise<Outcome> {
    const timer = { id: undefined as NodeJS.Timeout | undefined };
    const outcome = await new Promise<Outcome>((resolve) => {
      this.#state.current = resolve;
      timer.id = setTimeout(() => {
        this.#state.current = undefined;
        this.kill();
        resolve({ kind: 'timeout' });
      }, limitMs);
      if (this.#alive) begin();
      else resolve(exitOutcome(this.#child.exitCode, this.#child.signalCode));
    });
    clearTimeout(timer.id);
    this.#state.current = undefined;
    if (outcome.kind === 'timeout') await this.exited;
    return outcome;
  }

  #watchMemory(limitMb: number): void {
    const { pid } = this.#child;
    const memory = pid !== undefined && this.#alive ? processMemory(pid) : undefined;
    if (memory === undefined) return;
    this.#peakBytes = Math.max(this.#peakBytes, memory.peakBytes);
    if (memory.residentBytes > limitMb * 1024 * 1024) {
      this.#outOfMemory = true;
      this.kill();
    }
  }

  /** To the function's process and to those that it started: its group. */
  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    if (process.platform === 'win32') {
      if (signal === 'SIGKILL') this.#child.kill();
      return;
    }
    try {
      process.kill(-pid, signal);
    } catch {
      // It ended in this moment; `exited` tells.
    }
  }
}

const signalNames: Record<string, string> = {
  SIGKILL: 'killed',
  SIGABRT: 'aborted',
  SIGSEGV: 'segmentation fault',
  SIGTERM: 'terminated',
  SIGINT: 'interrupt',
};

function exitOutcome(code: number | null, signal: NodeJS.Signals | null): Outcome {
  if (signal !== null) {
    const name = `signal: ${signalNames[signal] ?? signal}`;
    return { kind: 'exit', message: `Runtime exited with error: ${name}`, status: name };
  }
  if (code === 0)
    return { kind: 'exit', message: 'Runtime exited without providing a reason', status: 'exit status 0' };
  return {
    kind: 'exit',
    message: `Runtime exited with error: exit status ${code}`,
    status: `exit status ${code}`,
  };
}
