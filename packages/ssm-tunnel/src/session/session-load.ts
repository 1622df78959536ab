import { BUSY_BYTES_PER_SECOND } from '../channel/constants.ts';
import type { Session } from './session.ts';

/** How much a session has to do, by looking at it from time to time. */
export class SessionLoad {
  readonly #session: Session;
  #bytes = 0;
  #at: number;
  #bytesPerSecond = 0;
  /** Since when it carried no stream. */
  #idleSince: number | undefined;

  constructor(session: Session, at: number) {
    this.#session = session;
    this.#at = at;
  }

  /** It moves about as much as its agent can. */
  get isBusy(): boolean {
    return this.#bytesPerSecond > BUSY_BYTES_PER_SECOND;
  }

  idleMs(at: number): number {
    return this.#idleSince === undefined ? 0 : at - this.#idleSince;
  }

  sample(at: number): void {
    const { streams } = this.#session.statistics;
    const bytes = (streams?.bytesReceived ?? 0) + (streams?.bytesSent ?? 0);
    if (at > this.#at) this.#bytesPerSecond = ((bytes - this.#bytes) * 1_000) / (at - this.#at);
    this.#bytes = bytes;
    this.#at = at;
    if (this.#session.streams > 0) this.#idleSince = undefined;
    else this.#idleSince ??= at;
  }
}
