import { createSessionApi } from './aws/session-api.ts';
import type { TunnelOptions } from './options.ts';
import { resolveOptions } from './resolve-options.ts';
import { SsmTunnel, type Tunnel } from './tunnel.ts';

/**
 * Starts a session on the target (`sessions.min` of them) and resolves when the agent is ready for streams. Rejects
 * with a `TunnelError`, or with `signal.reason`, and then no session is left at AWS.
 */
export async function openTunnel(options: TunnelOptions): Promise<Tunnel> {
  const resolved = resolveOptions(options);
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const api = await createSessionApi(resolved);
  try {
    const tunnel = new SsmTunnel(api, resolved);
    await tunnel.open(signal);
    return tunnel;
  } catch (error) {
    api.destroy();
    throw error;
  }
}
