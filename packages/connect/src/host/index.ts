export { type AttachHostOptions, attachHost } from './attach-host.ts';
export { type ConnectHostOptions, connectHost } from './connect-host.ts';
export type { BootstrapSummary, HostClient, RequestOptions } from './host-client.ts';
export { type PgConfigRequest, pgConfig } from './pg-config.ts';
export type { HostEvent, HostInfo, HostPhase } from './protocol.ts';
export type {
  AcquiredDatabase,
  AcquireRequest,
  BranchRequest,
  BranchState,
  DatabaseUrlRequest,
  EndedSession,
  FileUrl,
  FileUrlRequest,
  Isolation,
  LeadUrlRequest,
  PreparedRun,
  PrepareRunRequest,
  RefreshedRun,
  ReleasedDatabase,
  ReleaseRequest,
  RunConnections,
  SealBranchRequest,
  SettledDatabase,
} from './run-types.ts';
