import type pg from 'pg';
import type { ServerAddress } from '../server/bench-server.ts';
import type { Templates } from '../server/templates.ts';

/** Every way to a database for a file. */
export const METHODS = [
  'pgtestdb',
  'pgtestdb + FILE_COPY',
  'testcontainers restore',
  'integresql',
  'integresql + FILE_COPY',
  'postern, clone only',
  'postern, reset',
  'postern, reset + prefetch',
] as const;
export type MethodName = (typeof METHODS)[number];

/** What a worker needs to know; it goes from process to process. */
export interface MethodSettings {
  readonly method: MethodName;
  readonly address: ServerAddress;
  readonly templates: Templates;
  /** Number of this worker, from 0. */
  readonly worker: number;
  /** Where the broker listens: a port for integresql, a socket for ours, nothing for the rest. */
  readonly broker?: string;
}

/** A migrated database that is this file's alone, and a session in it that has answered a query. */
export interface FileDatabase {
  readonly client: pg.Client;
  /** What a test runner waits for after the file. */
  release(): Promise<void>;
}

export interface Method extends AsyncDisposable {
  acquire(): Promise<FileDatabase>;
}

/** Prefix of everything that the methods create. */
export const PREFIX = 'tst_';

export function strategyOf(method: MethodName): string {
  return method.endsWith('+ FILE_COPY') ? ' STRATEGY FILE_COPY' : '';
}
