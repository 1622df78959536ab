import { holdLease, type LeaseSession, leaseRole, maintenanceDatabase } from '@postern/test-databases';
import type { Environment } from '../environment/environment.ts';
import { claimOn } from './connection-claim.ts';
import type { RunLease } from './open-run.ts';
import { openSession } from './session.ts';

/** Holds the lease of a run: a session in the maintenance database, opened as everything else is. */
export async function holdRunLease(environment: Environment, run: string): Promise<RunLease> {
  let session: LeaseSession | undefined;
  const lease = await holdLease({
    run,
    connect: async () => {
      session = await openSession(environment, {
        user: leaseRole,
        database: maintenanceDatabase,
        applicationName: `postern lease ${run}`,
      });
      return session;
    },
  });
  return { ...lease, claimConnections: claimOn(session as LeaseSession, run) };
}
