import type { HostEvent } from '@postern/connect/host';

/**
 * What the fixtures leave for the reporter: in `task.meta.postern` of a test what happened while it ran (its acquire,
 * its statements), in `task.file.meta.postern` what belongs to no single test (fetched while the file was imported,
 * given back after its last test). The reporter adds both up, so nothing is written twice. Numbers, names and stacks;
 * never a statement's text, a value or a secret.
 */
export interface PosternMeta {
  /** Name of the database on the cluster. */
  readonly database?: string;
  readonly scope?: 'run' | 'worker' | 'file' | 'test';
  readonly isolation?: 'reset' | 'clone' | 'transaction';
  /** How the database came: cloned for this test or file, reset for it, or `held` since an earlier one. */
  readonly origin?: 'clone' | 'reset' | 'held';
  /** How long this test waited for its database: next to nothing when it had been fetched ahead. */
  readonly acquireMs?: number;
  /** From opening a connection until it could take a statement, summed over `connections`. */
  readonly connectMs?: number;
  readonly queries?: number;
  readonly roundTrips?: number;
  /** Connections opened. */
  readonly connections?: number;
  /** Statements that the server refused. */
  readonly errors?: number;
  /** Connections that ended before they could take a statement. */
  readonly retries?: number;
  /** The database was kept for a look at it. */
  readonly kept?: PosternKept;
  /** Sessions that were still in a transaction or checked out. */
  readonly leaks?: readonly PosternLeak[];
  /** Where the time went, for the timeline. */
  readonly spans?: readonly PosternSpan[];
}

export interface PosternKept {
  readonly database: string;
  /** Epoch milliseconds. */
  readonly until?: number;
  /** The command that opens it; no password in it. */
  readonly open?: string;
}

export interface PosternLeak {
  readonly kind: 'transaction' | 'failed-transaction' | 'checked-out' | 'busy';
  readonly pid?: number;
  readonly role?: string;
  /** Frames of the caller's own code, innermost first. */
  readonly stack: readonly string[];
}

export interface PosternSpan {
  readonly phase: 'acquire' | 'connect' | 'release';
  /** Epoch milliseconds, with fractions: `performance.timeOrigin + performance.now()`. */
  readonly startedAt: number;
  readonly durationMs: number;
}

/**
 * What the reporter itself leaves in a file's meta (`task.file.meta.posternRun`), so that the blobs of shards have
 * everything that `vitest --merge-reports` needs to draw one page of them.
 */
export interface PosternRunMeta {
  /** One per vitest process. */
  readonly run: string;
  /** For people: `1/3`, or empty. */
  readonly shard: string;
  /** Worker slot, from 1; 0 when vitest does not tell. */
  readonly slot: number;
  /** Epoch milliseconds: the worker began with the file, its tests began, its last hook was over. */
  readonly queuedAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** What the host has done since the file that ended before this one. */
  readonly host?: readonly TimedHostEvent[];
}

/** A host event and when it reached us, in epoch milliseconds. */
export interface TimedHostEvent extends HostEvent {
  readonly at: number;
}

/** The channel that the global setup publishes {@link HostEvent}s on, as they come. */
export const hostChannel = 'postern:vitest:host';

declare module 'vitest' {
  interface TaskMeta {
    /** Left by the fixtures of `@postern/vitest`. */
    postern?: PosternMeta;
    /** Left by the reporter of `@postern/vitest`. */
    posternRun?: PosternRunMeta;
  }
}
