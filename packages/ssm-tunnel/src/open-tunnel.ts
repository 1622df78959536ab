import { randomUUID } from 'node:crypto';
import { encodeOpenDataChannel } from '@postern/ssm-protocol';
import { createSessionApi, type SessionApi } from './aws/session-api.ts';
import { signUpgrade } from './aws/sign-upgrade.ts';
import { parseStreamUrl } from './aws/stream-url.ts';
import { CLIENT_VERSION } from './channel/constants.ts';
import { DataChannel } from './channel/data-channel.ts';
import { openWebSocketLink } from './channel/web-socket-link.ts';
import { publish } from './diagnostics.ts';
import type { ResolvedOptions, TunnelOptions } from './options.ts';
import { resolveOptions } from './resolve-options.ts';
import { StreamTable } from './streams/stream-table.ts';
import { channelUser, endSession, SsmTunnel, type Tunnel } from './tunnel.ts';

/**
 * Starts a session on the target and resolves when the agent is ready for streams. Rejects with a
 * `TunnelError`, or with `signal.reason`, and then no session is left at AWS.
 */
export async function openTunnel(options: TunnelOptions): Promise<Tunnel> {
  const resolved = resolveOptions(options);
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const api = await createSessionApi(resolved);
  try {
    return await startSession(api, resolved, signal);
  } catch (error) {
    api.destroy();
    throw error;
  }
}

async function startSession(api: SessionApi, options: ResolvedOptions, signal: AbortSignal): Promise<Tunnel> {
  const { sessionId, tokenValue, streamUrl } = await api.start(signal);
  let tunnel: SsmTunnel | undefined;
  const streams: StreamTable = new StreamTable({
    sessionId,
    destination: options.destination,
    halfCloseLingerMs: options.halfCloseLingerMs,
    streamBufferBytes: options.streamBufferBytes,
    wake: () => channel.schedulePump(),
    changed: () => tunnel?.updateRef(),
  });
  const channel = new DataChannel(channelUser(streams, (error) => tunnel?.channelOver(error)));
  try {
    signal.throwIfAborted();
    const url = parseStreamUrl(streamUrl);
    const { headers, unsigned } = await signUpgrade(url, api.signer);
    if (unsigned !== undefined) publish('postern:ssm-tunnel:unsigned', { sessionId, why: unsigned });
    await openWebSocketLink(
      {
        url: streamUrl,
        headers,
        greeting: encodeOpenDataChannel({
          requestId: randomUUID(),
          tokenValue,
          clientId: randomUUID(),
          clientVersion: CLIENT_VERSION,
        }),
        connectTimeoutMs: options.connectTimeoutMs,
        pingIntervalMs: options.pingIntervalMs,
        signal,
      },
      channel,
    );
    const { agent, customerMessage } = await channel.handshake(options.handshakeTimeoutMs, signal);
    if (customerMessage !== '')
      publish('postern:ssm-tunnel:message', { sessionId, message: customerMessage });
    tunnel = new SsmTunnel({ api, sessionId, agent, channel, streams });
    publish('postern:ssm-tunnel:state', { sessionId, state: 'open' });
    return tunnel;
  } catch (error) {
    await channel.close();
    await endSession(api, sessionId);
    throw error;
  }
}
