/**
 * `reset`: a database that somebody has used and that holds again what its template holds, or a new one. `clone`: always a
 * new one, for suites whose objects no reset can put back.
 */
export type Isolation = 'reset' | 'clone';

export interface PrepareRunRequest {
  /** The declared database. */
  readonly database: string;
  /** Databases in use at once. */
  readonly workers: number;
  /** Machines that run parts of the same suite on this cluster: its connections are shared by them. Default 1. */
  readonly shards?: number;
  /** Connections that the pools of one worker want. Default 10, the default of pg's Pool. */
  readonly sessionsPerWorker?: number;
  readonly pool?: {
    /** Databases that wait ready. Default workers + 2. */
    readonly depth?: number;
  };
  /** False: no database is given twice, whatever `release` says. Default true. */
  readonly reuse?: boolean;
}

/** How the server's connections are shared out. */
export interface RunConnections {
  /** The most that the pools of one worker may have open at once. */
  readonly perWorker: number;
  /** What the host needs itself: the lease, and a session for each database that is reset. */
  readonly host: number;
  /** What the server answered; missing where its ledger cannot tell yet. */
  readonly server?: {
    readonly limit: number;
    readonly reserved: number;
    /** Sessions that belong to no run. */
    readonly others: number;
    /** Held by other runs. */
    readonly claimed: number;
    readonly granted: number;
  };
}

export interface PreparedRun {
  readonly run: string;
  /** The declared database. */
  readonly database: string;
  readonly templateHash: string;
  /** Those that exist by now: the first one. More come in the background. */
  readonly databases: readonly string[];
  /** How many databases were cloned for this run now. */
  readonly created: number;
  /** Whether the template had to be built (migrations run) first. */
  readonly built: boolean;
  readonly connections: RunConnections;
}

export interface AcquireRequest {
  readonly run: string;
  /**
   * Who wants it. A key holds one database of its branch until that is released: asked again, it gets the same one. What
   * comes before the first colon is the worker slot, which preferably gets back what it had last.
   */
  readonly key: string;
  /** Default `reset`. */
  readonly isolation?: Isolation;
  /**
   * True: stays with the key until it is released or the run is refreshed or over, whichever workers come and go. False: it
   * goes back to the run with the connection that asked. Default false if `isolation` is given, else true.
   */
  readonly shared?: boolean;
  /** As given by `branch`: clones of that in place of the template. */
  readonly branch?: string;
  /** Another declared database; opened for the same client by the first who asks. */
  readonly database?: string;
}

export interface AcquiredDatabase {
  readonly name: string;
  /** The run that it belongs to: another one than was asked for if that is of another declared database. */
  readonly run: string;
  /** The declared database. */
  readonly database: string;
  /** Declared role → login that acts as it. */
  readonly roles: Readonly<Record<string, string>>;
  /** The declared role that may read and write, when there is exactly one. */
  readonly defaultRole?: string;
  /** `clone`: nobody has used it. `reset`: it was used and put back. */
  readonly origin: 'clone' | 'reset';
  /** How long the host had to wait for it. */
  readonly waitedMs: number;
  /** As {@link RunConnections.perWorker} of its run. */
  readonly maxConnections: number;
}

export interface ReleaseRequest {
  readonly run: string;
  readonly name: string;
  /** Server process ids of idle sessions without any state: they stay open over a reset. */
  readonly sessions?: readonly number[];
  /** False: not to be reset, another one takes its place. Default true. */
  readonly reuse?: boolean;
  /** Keep it for a person to look into, also after the run. At most three of a run are. */
  readonly keep?: boolean;
  /** How long. Default ten minutes, at most 24 hours. */
  readonly keepMs?: number;
}

export interface ReleasedDatabase {
  /** Whether a reset is under way; `settled` tells how it ended. */
  readonly willReset: boolean;
  /** If that was asked for. False: as many are kept as may be. */
  readonly kept?: boolean;
  /** With `kept: true`. */
  readonly keptMs?: number;
}

/** A session that a reset had to end. */
export interface EndedSession {
  readonly pid: number;
  readonly applicationName: string;
  readonly user: string;
  readonly state: string;
  readonly advisoryLocks: number;
}

/** What became of a released database. */
export interface SettledDatabase {
  readonly status: 'reset' | 'discard' | 'kept';
  readonly durationMs: number;
  /** With `reset`: what was put back. */
  readonly tables?: number;
  readonly sequences?: number;
  /** With `discard`: why it was not reset. A word to match on, and its text. */
  readonly reason?: string;
  readonly detail?: string;
  readonly ended: readonly EndedSession[];
}

export interface BranchRequest {
  readonly run: string;
  /** Says what the branch holds: whoever asks with the same key gets the same branch. */
  readonly key: string;
  /** Of another declared database. */
  readonly database?: string;
}

/**
 * `build`: fill this database, end your sessions in it and call `sealBranch`, or `failBranch`. If this connection ends
 * first, the next one who asked gets the job.
 */
export type BranchState =
  | ({ readonly status: 'build' } & AcquiredDatabase)
  | { readonly status: 'ready'; readonly branch: string };

export interface SealBranchRequest {
  readonly run: string;
  readonly key: string;
  /** The database that `branch` gave to fill. */
  readonly name: string;
}

export interface RefreshedRun {
  readonly run: string;
  /** True: another template, hence another run. False: the same run, its databases are being reset. */
  readonly changed: boolean;
  /** Of the run that counts now. */
  readonly prepared: PreparedRun;
}

export interface DatabaseUrlRequest {
  readonly name: string;
  /** Not needed for a database that was kept. */
  readonly run?: string;
  /** A declared role. Default: the only one that may read and write. */
  readonly role?: string;
}

export interface FileUrlRequest {
  readonly run: string;
  /** A declared role, to be the user in the URL. Default: the only one that may read and write. */
  readonly role?: string;
}

export interface FileUrl {
  /** A secret. Leads nowhere until `leadUrl`, and nowhere again when this connection has ended. */
  readonly url: string;
  /** For `leadUrl`: what the URL has in place of a database. */
  readonly alias: string;
}

/** Where a URL of `fileUrl` leads from now on: as a role into a database of the run, or nowhere, and why. */
export type LeadUrlRequest =
  | { readonly alias: string; readonly name: string; readonly role: string }
  | { readonly alias: string; readonly why: string };
