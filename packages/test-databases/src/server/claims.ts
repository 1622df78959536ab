import type { SqlClient } from './sql-client.ts';

export interface ConnectionClaim {
  /** Connections of the server that logins without special rights can have: `max_connections` less `reserved`. */
  readonly limit: number;
  /** Kept back for superusers and their like. */
  readonly reserved: number;
  /** Sessions that are there now and belong to no claim. */
  readonly others: number;
  /** What the other living runs have claimed. */
  readonly claimed: number;
  /** What this run has from now on; 0 when there is less than its minimum. */
  readonly granted: number;
}

/**
 * Claims connections for a run that is open, in the place of what it had claimed before. A shard gets its part of
 * what is free now, but at least `minimum` as long as there is so much. The claim ends with the lease.
 *
 * @param session of the lease role (or the master) in the maintenance database
 */
export async function claimConnections(
  session: Pick<SqlClient, 'query'>,
  request: {
    readonly run: string;
    readonly wanted: number;
    readonly minimum: number;
    readonly shards: number;
  },
): Promise<ConnectionClaim> {
  const { run, wanted, minimum, shards } = request;
  const { rows } = await session.query('SELECT postern.claim_connections($1, $2, $3, $4) AS claim', [
    run,
    wanted,
    minimum,
    shards,
  ]);
  return rows[0].claim;
}
