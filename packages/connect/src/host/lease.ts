import { holdLease, type Lease, leaseRole, maintenanceDatabase } from '@postern/test-databases';
import type { Environment } from '../environment/environment.ts';
import { openSession } from './session.ts';

/** Holds the lease of a run: a session in the maintenance database, opened as everything else is. */
export async function holdRunLease(environment: Environment, run: string): Promise<Lease> {
  return await holdLease({
    run,
    connect: () =>
      openSession(environment, {
        user: leaseRole,
        database: maintenanceDatabase,
        applicationName: `postern lease ${run}`,
      }),
  });
}
