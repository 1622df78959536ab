import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Tunnel, TunnelState } from '@postern/ssm-tunnel';

const STATES = 'postern:ssm-tunnel:state';

/** The tunnel has no session that works, and gets one. */
export type Interruption = Extract<TunnelState, { readonly since: number }>;

export function interruptionOf(tunnel: Tunnel): Interruption | undefined {
  return 'since' in tunnel.state ? tunnel.state : undefined;
}

/**
 * Waits until the tunnel is back, or has been interrupted for `patienceMs` in all: then gives what interrupts it. Rejects
 * with the signal's reason.
 */
export async function waitOut(
  tunnel: Tunnel,
  signal: AbortSignal,
  patienceMs?: number,
): Promise<Interruption | undefined> {
  for (;;) {
    const interruption = interruptionOf(tunnel);
    if (interruption === undefined) return undefined;
    const left = patienceMs === undefined ? undefined : interruption.since + patienceMs - Date.now();
    if (left !== undefined && left <= 0) return interruption;
    await nextChange(signal, left);
  }
}

/** Calls `listener` when the state of any tunnel has changed, until `tunnel` is closed. */
export function onStateChange(tunnel: Tunnel, listener: () => void): void {
  subscribe(STATES, listener);
  void tunnel.closed.then(() => unsubscribe(STATES, listener));
}

/** Any tunnel's: whoever waits looks at the own one again. */
async function nextChange(signal: AbortSignal, withinMs: number | undefined): Promise<void> {
  signal.throwIfAborted();
  let settle: (() => void) | undefined;
  const changed = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const onChange = (): void => settle?.();
  const timer = withinMs === undefined ? undefined : setTimeout(onChange, withinMs);
  subscribe(STATES, onChange);
  signal.addEventListener('abort', onChange, { once: true });
  await changed;
  clearTimeout(timer);
  unsubscribe(STATES, onChange);
  signal.removeEventListener('abort', onChange);
  signal.throwIfAborted();
}
