import { openTunnel, type Tunnel, type TunnelOptions } from '@postern/ssm-tunnel';
import { type Peer, REGION, TARGET } from './peer.ts';

/** A tunnel to the peer's transfer server. */
export function openThrough(peer: Peer, options: Partial<TunnelOptions> = {}): Promise<Tunnel> {
  return openTunnel({
    target: TARGET,
    remotePort: peer.port,
    region: REGION,
    endpoint: peer.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-secret' },
    ...options,
  });
}
