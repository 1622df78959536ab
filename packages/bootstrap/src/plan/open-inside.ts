import type { Connect } from '@postern/test-databases/server';
import { BootstrapError, isBootstrapError } from '../errors.ts';

/** Too many sessions, no CONNECT, gone by now, closed: of one database, not of the way to the cluster. */
const reasons = /^(53300|42501|3D000|55000)$/;

/**
 * Sessions in the databases of services. One that does not let the master in, such as one whose limit of sessions is used up (which
 * counts for the master, too), gives a {@link BootstrapError} that {@link isClosedToUs} knows.
 */
export function openInside(connect: Connect): Connect {
  return async (database) => {
    try {
      return await connect(database);
    } catch (cause) {
      const code = isBootstrapError(cause) ? cause.details['code'] : (cause as { code?: unknown }).code;
      if (typeof code !== 'string' || !reasons.test(code)) throw cause;
      throw new BootstrapError(
        'BOOTSTRAP_DATABASE_UNREACHABLE',
        `the master cannot look into database "${database}": ${(cause as Error).message}`,
        {
          hint:
            code === '53300'
              ? 'The limit of sessions counts for the master, too. Declare a higher connectionLimit (apply sets it before it looks inside), or end sessions, and run it again.'
              : 'Let the master in again and run it again.',
          details: { database, sqlState: code },
          cause,
        },
      );
    }
  };
}

export function isClosedToUs(error: unknown): error is BootstrapError {
  return (
    isBootstrapError(error) &&
    error.code === 'BOOTSTRAP_DATABASE_UNREACHABLE' &&
    reasons.test(String(error.details['sqlState']))
  );
}
