export type { TunnelDiagnostics } from './diagnostics.ts';
export {
  isTunnelError,
  TunnelError,
  type TunnelErrorCode,
  type TunnelErrorDetails,
  type TunnelErrorKind,
} from './errors.ts';
export type { ListenOptions, TunnelListener } from './listener/listener.ts';
export { openTunnel } from './open-tunnel.ts';
export type { TunnelCredentials, TunnelOptions } from './options.ts';
export type { StreamStatistics } from './streams/stream-table.ts';
export type { Tunnel, TunnelState, TunnelStatistics } from './tunnel.ts';
