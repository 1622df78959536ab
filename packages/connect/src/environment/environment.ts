import type { Duplex } from 'node:stream';
import type { Action, RequestOf, ResultOf } from '@postern/bootstrap/contract';

/** The database as everything above sees it. */
export interface Cluster {
  /** Cluster identifier, when it is known. */
  readonly identifier?: string;
  /** The endpoint that RDS reports: signed for, verified, shown. Not where bytes go. */
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly region: string;
  readonly accountId?: string;
  /** `cluster-…`: what a policy for `rds-db:connect` must name. */
  readonly resourceId?: string;
  /** PEM certificates to trust. */
  readonly ca: readonly string[];
  /** Offline on the direct path: the server's own Unix socket. Connections then need neither TLS nor token. */
  readonly socket?: string;
  /** TLS may begin at once; known from `probeDirectTls`. */
  readonly directTls?: boolean;
}

/** The two functions of an environment; they differ in what they may do. */
export type FunctionRole = 'bootstrap' | 'testdb';

export interface CallOptions {
  signal?: AbortSignal;
}

/** What deploying needs of an artefact. */
export interface Artifact {
  readonly zip: Uint8Array;
  readonly sha256: string;
}

/**
 * One place where a database lives, offline or on AWS. Everything above sees only this, so the offline cloud and AWS
 * are the same code.
 */
export interface Environment extends AsyncDisposable {
  readonly name: string;
  readonly kind: 'local' | 'aws';
  /** Asked once; the answer is kept, but for `directTls`. */
  resolve(options?: CallOptions): Promise<Cluster>;
  /** A new stream to the endpoint: through Session Manager or straight, as the settings say. */
  openStream(options?: CallOptions): Promise<Duplex>;
  /** Opens what streams share (the tunnel) ahead of the first one. */
  warmUp(): Promise<void>;
  /**
   * Finds out whether TLS may begin at once, which saves a round trip for each connection, and has `resolve` tell it
   * from then on. Never rejects. Missing where there is no TLS.
   */
  probeDirectTls?(): Promise<boolean>;
  /** A password for a role: an IAM token, from a cache that is shared by all callers. A secret. */
  token(user: string, options?: CallOptions): Promise<string>;
  /** Calls one of the functions and gives its answer, or throws its typed error. */
  invoke<A extends Action>(
    which: FunctionRole,
    request: RequestOf<A>,
    options?: CallOptions,
  ): Promise<ResultOf[A]>;
  /**
   * Offline only: puts the artefact into both functions. On AWS that is the pipeline's work. Gives the names of those
   * that it was new to.
   */
  deploy?(artifact: Artifact, options?: CallOptions): Promise<{ functions: readonly string[] }>;
  /**
   * Offline only: drops a declared database, whoever is in it. It holds nobody's data: what the bootstrap makes next is
   * made of the working tree.
   */
  dropDatabase?(name: string): Promise<void>;
  /**
   * AWS only: ends sessions that a killed host left on this machine, and gives their ids. Throws when it may not
   * look for them; nothing else needs it.
   */
  endLeftovers?(options?: CallOptions): Promise<readonly string[]>;
  /** Offline: what the simulators counted. On AWS: what the tunnel counted. */
  statistics(): Promise<Record<string, unknown>>;
  /** Ends sessions and, offline, the cloud. */
  close(): Promise<void>;
}
