export {
  type ErrorKind,
  isTestDatabaseError,
  TestDatabaseError,
  type TestDatabaseErrorCode,
  type TestDatabaseErrorOptions,
} from './errors.ts';
export { holdLease, type Lease, type LeaseOptions, type LeaseSession } from './lease.ts';
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
