export {
  type BootstrapClient,
  type BootstrapClientOptions,
  type CallOptions,
  createBootstrapClient,
} from './client/client.ts';
export type { ProgressEvent } from './contract/progress.ts';
