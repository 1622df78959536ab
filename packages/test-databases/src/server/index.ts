export {
  type ErrorKind,
  isTestDatabaseError,
  TestDatabaseError,
  type TestDatabaseErrorCode,
  type TestDatabaseErrorOptions,
} from '../errors.ts';
export { type BranchRequest, findBranch, sealBranch } from './branches.ts';
export { type ConnectionClaim, claimConnections } from './claims.ts';
export {
  type CloneRequest,
  type EmptyRequest,
  ensureClones,
  ensureEmpty,
} from './clones.ts';
export type { DatabaseGrants } from './databases.ts';
export { type DropRequest, defaultKeepMs, dropRun, type KeptDatabase } from './drops.ts';
export { ledgerStatements, ledgerVersion, readLedgerVersion } from './ledger-schema.ts';
export {
  buildingName,
  cloneName,
  isRunId,
  isTemplateHash,
  leaseRole,
  maintenanceDatabase,
  parseCloneName,
  quoteIdentifier,
  templateName,
  testLogin,
  testPrefix,
} from './names.ts';
export { type PublishRequest, publishOwn } from './publish.ts';
export { hashContents } from './reset/hash-contents.ts';
export { installReset, type ResetInstallation, type ResetOptions } from './reset/install.ts';
export { resetSchema } from './reset/names.ts';
export { resetDatabase, warmReset } from './reset/reset-database.ts';
export { newestKept, unusedDays } from './retire.ts';
export { type Connect, type SqlClient, transaction, withSession } from './sql-client.ts';
export { orphanGraceMs, type SweepReport, sweep } from './sweep.ts';
export { engineVersion, type TemplateKey, templateKey } from './template-key.ts';
export { ensureTemplate, findTemplate, type Template, type TemplateRecipe } from './templates.ts';
