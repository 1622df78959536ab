import type { Client, ClientBase, PoolConfig } from 'pg';

type ClientClass = new (config?: unknown) => Client;

/** What a pool keeps to itself; the session is the same whatever it says. */
const OF_POOLS = new Set([
  'Client',
  'Promise',
  'allowExitOnIdle',
  'connectionTimeoutMillis',
  'idleTimeoutMillis',
  'log',
  'max',
  'maxLifetimeSeconds',
  'maxUses',
  'min',
  'onConnect',
  'poolSize',
  'verify',
]);

/**
 * A session that is opened before anybody asks for one. The first pool that would open the same session gets it, whoever
 * made the pool, so that its first statement need not wait for socket, TLS and login.
 */
export class WarmSession {
  readonly #client: Client;
  readonly #connected: Promise<unknown>;
  readonly #ignore = (): undefined => undefined;
  #available = true;
  #taken = false;

  constructor(client: Client) {
    this.#client = client;
    client.on('error', this.#ignore);
    client.once('end', () => {
      this.#available = false;
    });
    this.#connected = client.connect().catch((error: unknown) => {
      this.#available = false;
      throw error;
    });
    this.#connected.catch(this.#ignore);
  }

  /** The same options; a pool that is made with them gets the session. With other options of a session it does not. */
  offer(config: PoolConfig, Fallback: ClientClass): PoolConfig {
    const Base = (config.Client as unknown as ClientClass | undefined) ?? Fallback;
    const take = (options: unknown): Client | undefined => this.#take(options, config);
    // `new` gives what a function returns (not so an arrow): this is how a pool gets a client that exists.
    function Adopting(options?: unknown): Client {
      return take(options) ?? new Base(options);
    }
    Object.defineProperty(Adopting, 'name', { value: Base.name });
    const offered = Object.create(
      Object.getPrototypeOf(config),
      Object.getOwnPropertyDescriptors(config),
    ) as PoolConfig;
    offered.Client = Adopting as unknown as new () => ClientBase;
    return offered;
  }

  #take(options: unknown, config: PoolConfig): Client | undefined {
    if (!this.#available || typeof options !== 'object' || options === null) return undefined;
    const wanted = options as Record<string, unknown>;
    const offered = config as Record<string, unknown>;
    const names = new Set([...Object.getOwnPropertyNames(wanted), ...Object.getOwnPropertyNames(offered)]);
    for (const name of names) if (!OF_POOLS.has(name) && wanted[name] !== offered[name]) return undefined;
    this.#available = false;
    this.#taken = true;
    const client = this.#client;
    const connected = this.#connected;
    client.off('error', this.#ignore);
    Object.defineProperty(client, 'connect', {
      configurable: true,
      value: (callback?: (error?: unknown) => void): Promise<unknown> | undefined => {
        if (callback === undefined) return connected;
        connected.then(() => callback(), callback);
        return undefined;
      },
    });
    return client;
  }

  /** Ends the session, unless somebody has it by now. */
  async end(): Promise<void> {
    if (this.#taken) return;
    this.#available = false;
    await this.#connected.catch(() => undefined);
    await this.#client.end().catch(() => undefined);
  }
}
