import type { Socket } from 'node:net';
import { publish } from '../events.ts';
import type { Counters } from '../statistics.ts';
import { type Destination, dial } from './destination.ts';

/** The connections of one session to its destination: counted, published, and held up if somebody wants that. */
export class Dialler {
  readonly #sessionId: string;
  readonly #counters: Counters;
  #held: Promise<void> | undefined;

  constructor(sessionId: string, counters: Counters) {
    this.#sessionId = sessionId;
    this.#counters = counters;
  }

  /** Dials neither succeed nor fail until the returned function is called. */
  hold(): () => void {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#held = held;
    return () => {
      if (this.#held === held) this.#held = undefined;
      release();
    };
  }

  async dial(destination: Destination, signal: AbortSignal): Promise<Socket> {
    const { host, port } = destination;
    const event = { sessionId: this.#sessionId, host, port };
    this.#counters.dialling(host, port);
    try {
      if (this.#held !== undefined) await letGo(this.#held, signal);
      const socket = await dial(destination, signal);
      publish('dial', event);
      return socket.unref();
    } catch (error) {
      publish('dial', { ...event, error: (error as NodeJS.ErrnoException).code ?? 'ERROR' });
      throw error;
    }
  }
}

function letGo(held: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    void held.then(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
