export {
  type EndedLeftover,
  endLeftoverSessions,
  findLeftoverSessions,
  type LeftoverOptions,
  type LeftoverSession,
} from './aws/leftover-sessions.ts';
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
export type { SessionPoolOptions, TargetTags, TunnelCredentials, TunnelOptions } from './options.ts';
export type { SessionMode, StreamStatistics } from './streams/carrier.ts';
export type { Tunnel, TunnelState } from './tunnel.ts';
export type { TunnelSession, TunnelStatistics } from './tunnel-statistics.ts';
