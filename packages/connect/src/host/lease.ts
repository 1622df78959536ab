import { explainConnectionError, pgOptions, pgSocketOptions } from '@postern/rds-auth';
import { holdLease, type Lease, leaseRole, maintenanceDatabase } from '@postern/test-databases';
import type { Environment } from '../environment/environment.ts';

/** Holds the lease of a run: a session in the maintenance database, opened as everything else is. */
export async function holdRunLease(environment: Environment, run: string): Promise<Lease> {
  const { endpoint, ca, socket, ...facts } = await environment.resolve();
  const { Client } = await import('pg');
  const login = { user: leaseRole, database: maintenanceDatabase, applicationName: `postern lease ${run}` };
  return await holdLease({
    run,
    connect: async () => {
      const client = new Client(
        socket === undefined
          ? pgOptions({
              ...login,
              endpoint,
              ca,
              token: () => environment.token(leaseRole),
              openStream: () => environment.openStream(),
            })
          : pgSocketOptions({ ...login, path: socket }),
      );
      try {
        await client.connect();
      } catch (error) {
        throw explainConnectionError(error, { ...facts, ...login, endpoint });
      }
      return client;
    },
  });
}
