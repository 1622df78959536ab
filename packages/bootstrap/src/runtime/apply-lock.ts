import { type SqlClient, withSession } from '@postern/test-databases/server';
import { BootstrapError } from '../errors.ts';
import { type Invocation, lockTimeoutMs } from './invocation.ts';

/**
 * Whatever changes the cluster runs under one advisory lock of the database `postgres`: concurrent runs wait for each other.
 * The lock belongs to the session and goes with it, also when the function is killed.
 *
 * @throws BootstrapError `BOOTSTRAP_BUSY` when another run does not end in time
 */
export async function locked<T>(
  invocation: Invocation,
  work: (session: SqlClient) => Promise<T>,
): Promise<T> {
  return await withSession(invocation.connect, 'postgres', async (session) => {
    await session.query(`SELECT set_config('lock_timeout', $1, false)`, [
      `${Math.round(lockTimeoutMs(invocation))}ms`,
    ]);
    try {
      await session.query(`SELECT pg_advisory_lock(hashtextextended('postern.apply', 0))`);
    } catch (cause) {
      if ((cause as { code?: string }).code !== '55P03') throw cause;
      throw new BootstrapError('BOOTSTRAP_BUSY', 'another apply is still running', {
        hint: 'Wait for it, then try again.',
        cause,
      });
    }
    await session.query(`SELECT set_config('lock_timeout', '0', false)`);
    return await work(session);
  });
}
