export { connectionBudget, connectionDemand } from './budget/connection-budget.ts';
export type { ConnectionBudget, ConnectionFacts, ConnectionWishes } from './budget/types.ts';
export { hashOf } from './engine/hash.ts';
export { openTestDatabases } from './engine/test-databases.ts';
export type {
  EngineSession,
  EngineTemplate,
  TestDatabases,
  TestDatabasesOptions,
} from './engine/types.ts';
export {
  type ErrorKind,
  isTestDatabaseError,
  TestDatabaseError,
  type TestDatabaseErrorCode,
  type TestDatabaseErrorOptions,
} from './errors.ts';
export { holdLease, type Lease, type LeaseOptions, type LeaseSession } from './lease.ts';
export type { PoolBackend } from './pool/backend.ts';
export type { PoolEvent } from './pool/events.ts';
export type { DiscardReason, EndedSession, ResetOutcome } from './pool/outcome.ts';
export { openPool } from './pool/pool.ts';
export type {
  AcquireRequest,
  DatabasePool,
  Isolation,
  PooledDatabase,
  PoolOptions,
  PoolStatistics,
  ReleasedDatabase,
  ReleaseOptions,
  ReleaseOutcome,
  ReleaseReason,
} from './pool/types.ts';
export { openPrefetcher } from './prefetch/prefetcher.ts';
export type { Prefetcher, PrefetcherOptions } from './prefetch/types.ts';
export { newRunId } from './run-id.ts';
export {
  cloneName,
  isRunId,
  leaseRole,
  maintenanceDatabase,
  parseCloneName,
  templateName,
  testLogin,
} from './server/names.ts';
