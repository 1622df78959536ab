import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Tunnel } from '@postern/ssm-tunnel';
import type { AwsSettings } from '../config/settings.ts';
import type { RunPhase } from '../phases.ts';
import type { AwsAccess } from './aws-access.ts';
import type { CallOptions, Cluster } from './environment.ts';
import { findJumpHosts } from './find-jump-host.ts';

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
  settings: AwsSettings;
  access: AwsAccess;
  cluster: Cluster;
  phase: RunPhase;
}

/** One Session Manager session that all streams share; a new one when it has ended. */
export function tunnelTransport(options: TunnelTransportOptions): Transport {
  return new TunnelTransport(options);
}

class TunnelTransport implements Transport {
  readonly #options: TunnelTransportOptions;
  readonly #closing = new AbortController();
  #tunnel: Promise<Tunnel> | undefined;
  #current: Tunnel | undefined;
  /** For statistics: kept when it has ended. */
  #latest: Tunnel | undefined;
  #sessions = 0;

  constructor(options: TunnelTransportOptions) {
    this.#options = options;
  }

  async openStream(options: CallOptions = {}): Promise<Duplex> {
    const tunnel = await this.#open();
    options.signal?.throwIfAborted();
    return tunnel.connect();
  }

  async warmUp(): Promise<void> {
    await this.#open();
  }

  statistics(): Record<string, unknown> {
    return { transport: 'ssm', sessions: this.#sessions, ...this.#latest?.stats() };
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the environment was closed'));
    const tunnel = await this.#tunnel?.catch(() => undefined);
    await tunnel?.close();
  }

  #open(): Promise<Tunnel> {
    // A tunnel that has just been lost says so before its `closed` has been heard.
    if (this.#current !== undefined && this.#current.state.name !== 'open') {
      this.#current = undefined;
      this.#tunnel = undefined;
    }
    this.#tunnel ??= this.#openTunnel().then(
      (tunnel) => {
        this.#current = tunnel;
        this.#latest = tunnel;
        return tunnel;
      },
      (error: unknown) => {
        this.#tunnel = undefined;
        throw error;
      },
    );
    return this.#tunnel;
  }

  async #openTunnel(): Promise<Tunnel> {
    const { settings, access, cluster, phase } = this.#options;
    const { signal } = this.#closing;
    signal.throwIfAborted();
    return await phase('tunnel', async (note) => {
      const [{ openTunnel }, targets] = await Promise.all([
        import('@postern/ssm-tunnel'),
        findJumpHosts(settings.jumpHost ?? '', access, { signal }),
      ]);
      for (const [index, target] of targets.entries()) {
        try {
          const tunnel = await openTunnel({
            target,
            remotePort: cluster.endpoint.port,
            ...(settings.document === undefined
              ? { remoteHost: cluster.endpoint.host }
              : { document: settings.document }),
            region: access.region,
            ...(access.endpoint === undefined ? {} : { endpoint: access.endpoint }),
            credentials: access.credentials,
            reason: 'postern',
            signal,
          });
          this.#sessions += 1;
          note({
            detail: `${target} (agent ${tunnel.agentVersion})`,
            ...(index === 0 ? {} : { counts: { attempts: index + 1 } }),
          });
          return tunnel;
        } catch (error) {
          // This one's agent went away since it was listed: the next may do.
          const gone = (error as { code?: unknown }).code === 'SSM_TARGET_NOT_CONNECTED';
          if (!gone || index === targets.length - 1) throw error;
        }
      }
      throw new Error('no jump host'); // findJumpHosts gives at least one
    });
  }
}
