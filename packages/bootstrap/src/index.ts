export {
  type CustomPrivileges,
  type DatabaseDeclaration,
  defineDatabase,
  type Grant,
  type Intent,
  type Locale,
  type MigrationsSource,
  type RoleDeclaration,
  type SequencePrivilege,
  type TablePrivilege,
} from './declaration/declaration.ts';
export {
  BootstrapError,
  type BootstrapErrorCode,
  type BootstrapErrorOptions,
  isBootstrapError,
} from './errors.ts';
