import type { HostClient } from './host-client.ts';
import type { HostEvent } from './protocol.ts';

export interface ConnectHostOptions {
  /** The workspace, or a folder in it: the configuration is searched upward from here. */
  root: string;
  /** Name of the environment. Default: `POSTERN_ENV`, then what the configuration says. */
  environment?: string;
  /** Progress of the host's work; also of work that other clients asked for. */
  onEvent?: (event: HostEvent) => void;
  /** How long the start of a host may take. Default 3 minutes: a cold start prepares a server directory. */
  startTimeoutMs?: number;
  signal?: AbortSignal;
  /** The host's program; replaced by tests. */
  hostEntry?: string;
}

/**
 * Connects to the host of a workspace and environment, and starts it when there is none. One host serves all clients
 * that want the same; one with another version or configuration is replaced.
 *
 * Throws what loading the configuration throws, the typed error with which the host's start failed (whichever package
 * it is from), `CONNECT_HOST_START_FAILED`, `CONNECT_HOST_START_TIMEOUT`, `CONNECT_FOLDER_UNSAFE`,
 * `CONNECT_SOCKET_PATH_TOO_LONG`.
 */
export async function connectHost(options: ConnectHostOptions): Promise<HostClient> {
  // Configuration and starting are for clients; a worker that imports this subpath to attach does not load them.
  const { findOrStartHost } = await import('./find-or-start-host.ts');
  return await findOrStartHost(options);
}
