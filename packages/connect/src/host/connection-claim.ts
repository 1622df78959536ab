import {
  type ConnectionBudget,
  connectionBudget,
  connectionDemand,
  isTestDatabaseError,
  type LeaseSession,
} from '@postern/test-databases';
import { type ConnectionClaim, claimConnections } from '@postern/test-databases/server';
import { connectionsShort } from './run-errors.ts';
import type { RunConnections } from './run-types.ts';

/** Asks the ledger for connections. Undefined where it cannot tell yet. */
export type ClaimConnections = (wish: {
  readonly wanted: number;
  readonly minimum: number;
  readonly shards: number;
}) => Promise<ConnectionClaim | undefined>;

/** Claims for a run on the session that holds its lease. */
export function claimOn(session: Pick<LeaseSession, 'query'>, run: string): ClaimConnections {
  return async (wish) => {
    try {
      return await claimConnections(session, { run, ...wish });
    } catch (error) {
      // The ledger was made by an older function; the next bootstrap brings it up to date.
      if ((error as { code?: unknown }).code === '42883') return undefined;
      throw error;
    }
  };
}

export interface ShareOptions {
  /** The declared database, for messages. */
  readonly database: string;
  readonly workers: number;
  readonly shards: number;
  readonly sessionsPerWorker: number;
  /** The most reset sessions that may be open at once. */
  readonly resetSessions: number;
}

/** Of the run itself: the lease, and the function that clones. */
const BESIDE_RESETS = 2;

/**
 * Shares the server's connections out before the first of them is refused. Throws `CONNECT_CONNECTIONS` with the
 * arithmetic.
 */
export async function shareConnections(
  claim: ClaimConnections,
  options: ShareOptions,
): Promise<RunConnections> {
  const { database, workers, shards, sessionsPerWorker, resetSessions } = options;
  const own = resetSessions + BESIDE_RESETS;
  const wishes = { workers, sessionsPerWorker, own };
  const server = await claim({ ...connectionDemand(wishes), shards });
  if (server === undefined) return { perWorker: sessionsPerWorker, host: own };
  return { perWorker: budgetOf().perWorker, host: own, server };

  function budgetOf(): ConnectionBudget {
    try {
      return connectionBudget({ ...wishes, ...(server as ConnectionClaim), shards });
    } catch (error) {
      if (!isTestDatabaseError(error)) throw error;
      throw connectionsShort(database, error.message, error);
    }
  }
}
