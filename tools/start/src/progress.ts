import type { WriteStream } from 'node:tty';

/** One finished step of the main job, as the account shows it. */
export interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly durationMs: number;
  readonly detail: string;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

export function stepLine({ name, ok, durationMs, detail }: Step): string {
  return `${ok ? '✓' : '✗'} ${name.padEnd(10)} ${seconds(durationMs).padStart(8)}  ${detail}`.trimEnd();
}

/**
 * Shows what is going on: on a terminal a line that lives while steps run, elsewhere (CI, a pipe) a plain line
 * when a step starts to take long and one when it has ended.
 */
export class Progress {
  readonly #output: WriteStream | NodeJS.WriteStream;
  readonly #live: boolean;
  readonly #running = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;

  constructor(output: WriteStream | NodeJS.WriteStream, live: boolean) {
    this.#output = output;
    this.#live = live;
  }

  start(name: string): void {
    this.#running.set(name, performance.now());
    if (!this.#live) return;
    this.#timer ??= setInterval(() => this.#draw(), 100);
    this.#draw();
  }

  end(step: Step): void {
    this.#running.delete(step.name);
    this.#clear();
    this.#output.write(`${stepLine(step)}\n`);
    if (this.#running.size > 0) this.#draw();
    else this.#rest();
  }

  /** Leaves the terminal to somebody else, such as vitest. */
  pause(): void {
    this.#running.clear();
    this.#clear();
    this.#rest();
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #clear(): void {
    if (this.#live) this.#output.write('\r\u001b[K');
  }

  #draw(): void {
    if (!this.#live) return;
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const running = [...this.#running].map(
      ([name, since]) => `${name} ${seconds(performance.now() - since)}`,
    );
    this.#output.write(`\r\u001b[K${FRAMES[this.#frame]} ${running.join(' · ')}`);
  }
}
