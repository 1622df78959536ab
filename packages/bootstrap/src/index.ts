export { type DatabaseDeclaration, defineDatabase, type Grant } from './declaration/declaration.ts';
export {
  BootstrapError,
  type BootstrapErrorCode,
  type BootstrapErrorOptions,
  isBootstrapError,
} from './errors.ts';
