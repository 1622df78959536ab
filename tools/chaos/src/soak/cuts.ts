import { seededRandom } from '@postern/ssm-protocol/testing';

/** `cutChannel`: the connection breaks. `closeChannel`: the service says `1000 Bye`. */
export interface Cut {
  readonly atBytes: number;
  readonly fault: 'cutChannel' | 'closeChannel';
}

/** Cuts at random moments of progress, in order: both kinds by chance, none in the last twentieth. */
export function planCuts(count: number, totalBytes: number, seed: number): Cut[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (): Cut => {
    const atBytes = Math.floor(random() * totalBytes * 0.95);
    return { atBytes, fault: random() < 0.5 ? 'cutChannel' : 'closeChannel' };
  }).sort((a, b) => a.atBytes - b.atBytes);
}

export interface CutterOptions {
  readonly plan: readonly Cut[];
  /** Whether the tunnel has recovered from that many cuts. */
  readonly recovered: (cuts: number) => boolean;
  readonly perform: (cut: Cut) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Cuts when the progress says so, but never a tunnel that is still down from the cut before. */
export class Cutter {
  readonly #options: CutterOptions;
  /** Fulfils with the last cut of the plan. */
  readonly finished: Promise<void>;
  #finish: () => void = () => {};
  #movedBytes = 0;
  #done = 0;
  #cutting = false;

  constructor(options: CutterOptions) {
    this.#options = options;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    if (options.plan.length === 0) this.#finish();
  }

  get done(): number {
    return this.#done;
  }

  /** More was moved, or the tunnel may have recovered. */
  moved(bytes: number): void {
    this.#movedBytes += bytes;
    const cut = this.#options.plan[this.#done];
    if (cut === undefined || this.#movedBytes < cut.atBytes || this.#cutting) return;
    if (!this.#options.recovered(this.#done)) return;
    this.#cutting = true;
    this.#options.perform(cut).then(() => {
      this.#done++;
      this.#cutting = false;
      if (this.#done === this.#options.plan.length) this.#finish();
    }, this.#options.onError);
  }
}
