import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Tunnel } from '@postern/ssm-tunnel';
import type { JumpHost } from '../config/settings.ts';
import { ConnectError } from '../errors.ts';
import type { RunPhase } from '../phases.ts';
import type { CallOptions, Cluster } from './environment.ts';
import { type SessionOwner, tunnelOptions } from './tunnel-options.ts';
import { type Interruption, interruptionOf, onStateChange, waitOut } from './tunnel-state.ts';

/**
 * How long a new stream waits for a tunnel that has lost its session. Below the limit of pg for connecting, which would
 * hide why; above what a resume or another jump host needs.
 */
const PATIENCE_MS = 30_000;

/** The way of bytes to the endpoint. */
export interface Transport {
  openStream(options?: CallOptions): Promise<Duplex>;
  /** Opens what streams will share, ahead of the first. */
  warmUp(): Promise<void>;
  statistics(): Record<string, unknown>;
  close(): Promise<void>;
}

/** Plain TCP, for whoever is in the VPC already. */
export function directTransport(cluster: Cluster): Transport {
  let streams = 0;
  return {
    openStream: async () => {
      streams += 1;
      return connect({ ...cluster.endpoint, noDelay: true });
    },
    warmUp: async () => undefined,
    statistics: () => ({ transport: 'direct', streams }),
    close: async () => undefined,
  };
}

export interface TunnelTransportOptions {
  owner: SessionOwner;
  jumpHost: JumpHost;
  cluster: Cluster;
  phase: RunPhase;
  /** Default 30 s. */
  patienceMs?: number;
}

/** One tunnel that all streams share. It looks after its sessions itself; only one that has given up is opened again. */
export function tunnelTransport(options: TunnelTransportOptions): Transport {
  return new TunnelTransport(options);
}

class TunnelTransport implements Transport {
  readonly #options: TunnelTransportOptions;
  readonly #closing = new AbortController();
  #opening: Promise<Tunnel> | undefined;
  /** The newest one, also when it has ended. */
  #tunnel: Tunnel | undefined;
  #tunnels = 0;

  constructor(options: TunnelTransportOptions) {
    this.#options = options;
  }

  async openStream(options: CallOptions = {}): Promise<Duplex> {
    const tunnel = await this.#usable(options.signal);
    options.signal?.throwIfAborted();
    return tunnel.connect();
  }

  async warmUp(): Promise<void> {
    await this.#usable();
  }

  statistics(): Record<string, unknown> {
    return { transport: 'ssm', tunnels: this.#tunnels, ...this.#tunnel?.stats() };
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the environment was closed'));
    const tunnel = await this.#opening?.catch(() => undefined);
    await tunnel?.close();
  }

  /** Throws `CONNECT_TUNNEL_INTERRUPTED` and what opening throws. */
  async #usable(signal?: AbortSignal): Promise<Tunnel> {
    const closing = this.#closing.signal;
    const tunnel = await this.#open();
    const interruption = await waitOut(
      tunnel,
      signal === undefined ? closing : AbortSignal.any([closing, signal]),
      this.#options.patienceMs ?? PATIENCE_MS,
    );
    if (interruption !== undefined) throw interrupted(interruption, this.#options.cluster);
    return await this.#open(); // it may have given up meanwhile; the next attempt says what stands in the way now
  }

  #open(): Promise<Tunnel> {
    if (this.#tunnel?.state.name === 'closed') {
      this.#tunnel = undefined;
      this.#opening = undefined;
    }
    this.#opening ??= this.#openTunnel().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #openTunnel(): Promise<Tunnel> {
    const { owner, jumpHost, cluster, phase } = this.#options;
    const { signal } = this.#closing;
    signal.throwIfAborted();
    return await phase('tunnel', async (note) => {
      const { openTunnel } = await import('@postern/ssm-tunnel');
      try {
        const tunnel = await openTunnel({ ...tunnelOptions(owner, jumpHost, cluster), signal });
        this.#tunnel = tunnel;
        this.#tunnels += 1;
        this.#tellOfReplacements(tunnel);
        note({ detail: describe(tunnel) });
        return tunnel;
      } catch (error) {
        throw (error as { code?: unknown }).code === 'SSM_TARGET_NOT_FOUND' ? notFound(error, owner) : error;
      }
    });
  }

  /** Connections have ended with their session, and new ones may have to wait: a database client cannot say why. */
  #tellOfReplacements(tunnel: Tunnel): void {
    const { phase } = this.#options;
    let telling = false;
    onStateChange(tunnel, () => {
      const { name, cause } = interruptionOf(tunnel) ?? {};
      if (telling || name !== 'replacing') return;
      telling = true;
      void phase('tunnel', async (note) => {
        await waitOut(tunnel, this.#closing.signal);
        if (tunnel.state.name === 'closed') throw tunnel.state.reason;
        const why = cause instanceof Error ? ` in place of one that ended: ${cause.message}` : '';
        note({ detail: `${describe(tunnel)}, a new session${why}` });
      })
        .catch(() => undefined)
        .finally(() => {
          telling = false;
        });
    });
  }
}

function describe(tunnel: Tunnel): string {
  const targets = new Set(tunnel.stats().sessions.map(({ target }) => target));
  return `${[...targets].join(', ')} (agent ${tunnel.agentVersion})`;
}

function notFound(cause: unknown, { name, access }: SessionOwner): ConnectError {
  return new ConnectError({
    code: 'CONNECT_JUMP_HOST_NOT_FOUND',
    kind: 'not-found',
    message: `Environment "${name}" has no jump host in ${access.region}. ${(cause as Error).message}`,
    hint: 'Check tags and region, and that the instance runs; a new one appears a few minutes after its agent has started.',
    cause,
  });
}

function interrupted({ since, cause }: Interruption, { endpoint }: Cluster): ConnectError {
  const seconds = Math.round((Date.now() - since) / 1000);
  const { message, hint } = (cause ?? {}) as { message?: unknown; hint?: unknown };
  return new ConnectError({
    code: 'CONNECT_TUNNEL_INTERRUPTED',
    kind: 'unavailable',
    message: `The tunnel to ${endpoint.host}:${endpoint.port} has been interrupted for ${seconds} s and goes on trying.${typeof message === 'string' ? ` ${message}` : ''}`,
    hint: typeof hint === 'string' ? hint : 'Check the network and the jump host.',
    cause,
  });
}
