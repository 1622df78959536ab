import { leaseRole } from '@postern/test-databases';
import { resetDatabase } from '@postern/test-databases/server';
import type { Environment } from '../environment/environment.ts';
import { pause } from './process-identity.ts';
import type { ResetSession } from './reset-sessions.ts';
import { openSession } from './session.ts';

/** A server that hears us says goodbye at once. Over a tunnel that is frozen nobody does. */
const GOODBYE_MS = 1_000;

/** As the login of the leases, whose only right in a test database is to call its reset. */
export async function openResetSession(environment: Environment, database: string): Promise<ResetSession> {
  const client = await openSession(environment, {
    user: leaseRole,
    database,
    applicationName: 'postern reset',
  });
  const ended = new Promise<void>((resolve) => {
    client.on('error', () => resolve());
    client.on('end', () => resolve());
  });
  return {
    reset: async ({ keep }) => await resetDatabase(client, { keep }),
    ended,
    close: async () => {
      const goodbye = new AbortController();
      void client.end().catch(() => undefined);
      await Promise.race([
        ended.then(() => goodbye.abort()),
        pause(GOODBYE_MS, goodbye.signal).catch(() => undefined),
      ]);
      client.connection.stream.destroy();
    },
  };
}
