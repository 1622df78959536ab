/** What a run wants of a server's connections. */
export interface ConnectionWishes {
  /** Workers of this run, on this machine. */
  readonly workers: number;
  /** Sessions that each worker's own pools may open at once. Default 10, as pg.Pool has. */
  readonly sessionsPerWorker?: number;
  /** Below this the run is refused. Default 2: one transaction and one query beside it. */
  readonly minimumPerWorker?: number;
  /** Sessions of the run itself: lease, producers, resets. */
  readonly own: number;
}

/** What a server says about its connections; a claim in the ledger says the same. */
export interface ConnectionFacts {
  /** Connections that ordinary logins can have: `max_connections` less `reserved`. */
  readonly limit: number;
  /** Slots that only superusers or reserved roles may use. */
  readonly reserved: number;
  /** Sessions that do not belong to a live run. */
  readonly others: number;
  /** What live runs have claimed. */
  readonly claimed: number;
  /** Machines that share the server for this suite. Default 1. */
  readonly shards?: number;
  /** What the ledger has granted to this run, when it was asked. */
  readonly granted?: number;
}

export interface ConnectionBudget {
  /** Sessions that each worker's pools may have in all. */
  readonly perWorker: number;
  /** Sessions that this run may have in all, its own included. */
  readonly total: number;
  /** True when a worker gets less than it wanted. */
  readonly capped: boolean;
  /** The sum, to show. */
  readonly arithmetic: string;
}
