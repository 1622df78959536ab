import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { TimerWatch } from './timer-watch.ts';

const CLIENT_SOCKET = 'net.client.socket';
const SERVER_SOCKET = 'net.server.socket';
const LISTENING = 'tracing:net.server.listen:asyncStart';

const PATIENCE_MS = 10_000;

/**
 * Knows every timer, socket and server that came into being in this process since it was created, whether it holds
 * the process open or not, besides what Node itself reports. Listeners on the process are counted, and so are
 * warnings: Node warns when an emitter collects listeners.
 */
export class LeakWatch {
  readonly #timers = new TimerWatch();
  readonly #sockets = new Set<unknown>();
  readonly #servers = new Set<unknown>();
  readonly #warnings: string[] = [];
  readonly #before: ReadonlyMap<string, number>;
  readonly #listenersBefore: number;
  readonly #patienceMs: number;

  /** Waits that long for what is ending to be gone. */
  constructor(patienceMs: number = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
    // Node opens these when something asks for them, as `pipe` does.
    void [process.stdout, process.stderr];
    this.#before = resources();
    subscribe(CLIENT_SOCKET, this.#onSocket);
    subscribe(SERVER_SOCKET, this.#onSocket);
    subscribe(LISTENING, this.#onListening);
    process.on('warning', this.#onWarning);
    this.#listenersBefore = processListeners();
  }

  /** What is still there after a while; empty when nothing is. Ends the watch. */
  async leaks(): Promise<string[]> {
    const deadline = Date.now() + this.#patienceMs;
    while (this.#current().length > 0 && Date.now() < deadline) {
      await this.#timers.pause(10);
    }
    const leaks = this.#current();
    unsubscribe(CLIENT_SOCKET, this.#onSocket);
    unsubscribe(SERVER_SOCKET, this.#onSocket);
    unsubscribe(LISTENING, this.#onListening);
    process.off('warning', this.#onWarning);
    this.#timers.stop();
    return leaks;
  }

  #current(): string[] {
    const problems = [
      ...this.#timers.live().map((where) => `a timer is left, of ${where}`),
      ...(this.#sockets.size === 0 ? [] : [`${this.#sockets.size} sockets are left`]),
      ...(this.#servers.size === 0 ? [] : [`${this.#servers.size} servers are left`]),
      ...this.#warnings.map((warning) => `Node warned: ${warning}`),
    ];
    for (const [type, count] of resources()) {
      const more = count - (this.#before.get(type) ?? 0);
      if (more > 0) problems.push(`${more} more ${type} than before`);
    }
    const listeners = processListeners() - this.#listenersBefore;
    if (listeners > 0) problems.push(`${listeners} more listeners on the process than before`);
    return problems;
  }

  readonly #onSocket = (message: unknown): void => this.#follow(this.#sockets, message, 'socket');
  readonly #onListening = (message: unknown): void => this.#follow(this.#servers, message, 'server');
  readonly #onWarning = (warning: Error): void => {
    this.#warnings.push(`${warning.name}: ${warning.message}`);
  };

  #follow(set: Set<unknown>, message: unknown, key: string): void {
    const emitter = (message as Record<string, EventEmitter>)[key];
    if (emitter === undefined) return;
    set.add(emitter);
    emitter.once('close', () => set.delete(emitter));
  }
}

/** What keeps the event loop alive, counted. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) {
    // What else there is: immediates and requests to the file system are of this very moment, timers are known better.
    if (type.endsWith('Wrap')) counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}

function processListeners(): number {
  return process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
}
