import { explainConnectionError, pgOptions } from '@postern/rds-auth';
import { holdLease, type Lease, leaseRole, maintenanceDatabase } from '@postern/test-databases';
import type { Environment } from '../environment/environment.ts';

/** Holds the lease of a run: a session in the maintenance database, opened as everything else is. */
export async function holdRunLease(environment: Environment, run: string): Promise<Lease> {
  const { endpoint, ca, ...facts } = await environment.resolve();
  const { Client } = await import('pg');
  return await holdLease({
    run,
    connect: async () => {
      const client = new Client(
        pgOptions({
          endpoint,
          ca,
          user: leaseRole,
          database: maintenanceDatabase,
          token: () => environment.token(leaseRole),
          openStream: () => environment.openStream(),
          applicationName: `postern lease ${run}`,
        }),
      );
      try {
        await client.connect();
      } catch (error) {
        throw explainConnectionError(error, {
          ...facts,
          endpoint,
          user: leaseRole,
          database: maintenanceDatabase,
        });
      }
      return client;
    },
  });
}
