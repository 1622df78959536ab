import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { TunnelDiagnostics } from '@postern/ssm-tunnel';

const SESSION = 'postern:ssm-tunnel:session';

/** Counts why sessions of this process lost their links. */
export class LossLog implements Disposable {
  readonly #causes = new Map<string, number>();

  constructor() {
    subscribe(SESSION, this.#onSession);
  }

  /** The most frequent first. */
  causes(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#causes].sort(([, a], [, b]) => b - a));
  }

  [Symbol.dispose](): void {
    unsubscribe(SESSION, this.#onSession);
  }

  readonly #onSession = (message: unknown): void => {
    const { event, cause } = message as TunnelDiagnostics[typeof SESSION];
    if (event !== 'lost') return;
    const text = cause instanceof Error ? cause.message : String(cause);
    this.#causes.set(text, (this.#causes.get(text) ?? 0) + 1);
  };
}
