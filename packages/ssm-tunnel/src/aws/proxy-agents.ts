import { type AgentOptions, type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { connectThroughProxy } from './connect-through-proxy.ts';
import { type ProxySetting, proxyFor } from './proxy.ts';

/**
 * Agents for Node's HTTP client that go through a proxy where there is one for the host, and directly elsewhere. The
 * choice is made for each connection, because the AWS SDK decides late where its endpoint is.
 */
export interface ProxyAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** Closes idle connections, and those that a proxy has not answered yet. Upgraded ones live on. */
  destroy(): void;
}

/**
 * `timeoutMs`: how long a proxy may take to answer. `pool`: keep connections for further requests; an upgrade wants one
 * that is new, not one that the other side is about to close.
 */
export function createProxyAgents(setting: ProxySetting, timeoutMs: number, pool: boolean): ProxyAgents {
  const dialer = new Dialer(setting, timeoutMs);
  // As the AWS SDK sets up its own.
  const options = pool ? { keepAlive: true, maxSockets: 50 } : {};
  const http = new ProxiedHttpAgent(dialer, options);
  const https = new ProxiedHttpsAgent(dialer, options);
  return {
    http,
    https,
    destroy() {
      dialer.abort();
      http.destroy();
      https.destroy();
    },
  };
}

type Connected = (error: Error | null, stream: Duplex) => void;

class ProxiedHttpAgent extends HttpAgent {
  readonly #dialer: Dialer;

  constructor(dialer: Dialer, options: AgentOptions) {
    super(options);
    this.#dialer = dialer;
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    const direct = (): Duplex | null | undefined => super.createConnection(options, connected);
    return this.#dialer.connect('http:', options, connected, direct, (socket) => socket);
  }
}

class ProxiedHttpsAgent extends HttpsAgent {
  readonly #dialer: Dialer;

  constructor(dialer: Dialer, options: AgentOptions) {
    super(options);
    this.#dialer = dialer;
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    const direct = (): Duplex | null | undefined => super.createConnection(options, connected);
    return this.#dialer.connect('https:', options, connected, direct, (socket) => {
      const host = options.host ?? '';
      // Node has set `servername` from the Host header already, but not for every caller of an agent.
      return tlsConnect({
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...options,
        host,
        socket,
      } as object);
    });
  }
}

class Dialer {
  readonly #setting: ProxySetting;
  readonly #timeoutMs: number;
  readonly #pending = new Set<AbortController>();

  constructor(setting: ProxySetting, timeoutMs: number) {
    this.#setting = setting;
    this.#timeoutMs = timeoutMs;
  }

  connect(
    protocol: 'http:' | 'https:',
    options: ClientRequestArgs,
    connected: Connected | undefined,
    direct: () => Duplex | null | undefined,
    wrap: (socket: Socket) => Duplex,
  ): Duplex | null | undefined {
    const host = options.host ?? 'localhost';
    const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${options.port ?? ''}`;
    const proxy = proxyFor(new URL(`${protocol}//${authority}`), this.#setting);
    if (proxy === undefined) return direct();
    void this.#dial(proxy, authority).then(
      (socket) => connected?.(null, wrap(socket)),
      (error: Error) => connected?.(error, undefined as never),
    );
    return undefined;
  }

  abort(): void {
    for (const controller of this.#pending) controller.abort();
  }

  async #dial(proxy: URL, authority: string): Promise<Socket> {
    const controller = new AbortController();
    this.#pending.add(controller);
    try {
      return await connectThroughProxy(proxy, authority, this.#timeoutMs, controller.signal);
    } finally {
      this.#pending.delete(controller);
    }
  }
}
