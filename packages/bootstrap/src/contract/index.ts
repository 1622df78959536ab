export {
  type Manifest,
  type ManifestDatabase,
  type ManifestMigration,
  manifestVersion,
  migrationsTable,
  parseManifest,
} from './manifest.ts';
export {
  type Action,
  allActions,
  bootstrapActions,
  parseRequest,
  type Request,
  type RequestOf,
  testDatabaseActions,
} from './request.ts';
export type {
  ApplyResult,
  DropResult,
  ErrorResponse,
  MigrateResult,
  PingResult,
  PlannedStatement,
  PlanResult,
  PrepareResult,
  PublishResult,
  Response,
  ResultOf,
  StatusResult,
} from './response.ts';
