import { channel } from 'node:diagnostics_channel';

/** `postern:local-cloud:postgres-started` */
export interface PostgresStarted {
  readonly pid: number;
  readonly version: string;
  readonly socketPath: string;
  /** Whether the data directory was a copy or had to be made by initdb. */
  readonly data: 'cached' | 'created';
  readonly inMemory: boolean;
  readonly durationMs: number;
}

/** `postern:local-cloud:postgres-stopped` */
export interface PostgresStopped {
  readonly pid: number;
  readonly expected: boolean;
}

/** `postern:local-cloud:postgres-swept`: a killed process had left these folders. */
export interface PostgresSwept {
  readonly folders: readonly string[];
}

/** `postern:local-cloud:postgres-cache-unusable`: the next start will have to run initdb again. */
export interface PostgresCacheUnusable {
  readonly entry: string;
  readonly cause: unknown;
}

const started = channel('postern:local-cloud:postgres-started');
const stopped = channel('postern:local-cloud:postgres-stopped');
const swept = channel('postern:local-cloud:postgres-swept');
const cacheUnusable = channel('postern:local-cloud:postgres-cache-unusable');

export const publishStarted = (event: PostgresStarted): void => started.publish(event);
export const publishStopped = (event: PostgresStopped): void => stopped.publish(event);
export const publishSwept = (event: PostgresSwept): void => swept.publish(event);
export const publishCacheUnusable = (event: PostgresCacheUnusable): void => cacheUnusable.publish(event);
