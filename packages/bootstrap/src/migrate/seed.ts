import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { SqlClient } from '@postern/test-databases/server';
import { BootstrapError } from '../errors.ts';
import { facts } from './failure.ts';
import { type SqlFailure, send } from './send.ts';

/**
 * Fills a test database from an SQL file, as one transaction: all of it or nothing. The session must be the owner's, and must be closed
 * after a failure.
 *
 * @throws BootstrapError `BOOTSTRAP_SEED_FAILED` with file, line and SQLSTATE in `details`
 */
export async function seedDatabase(session: SqlClient, file: string): Promise<void> {
  const text = (await readFile(file, 'utf8')).replace(/^\uFEFF/, '');
  try {
    await send(session, [{ text: 'BEGIN' }, { text, firstLine: 1 }, { text: 'COMMIT' }]);
  } catch (thrown) {
    const { error, line, position } = thrown as SqlFailure;
    const { message, sqlState, detail } = facts(error);
    const name = basename(file);
    throw new BootstrapError(
      'BOOTSTRAP_SEED_FAILED',
      `seed ${name}${line === undefined ? '' : `:${line}`}: ${message}${sqlState ? ` (${sqlState})` : ''}`,
      {
        hint: 'All of it was rolled back, and the test database is not used. Correct the file and run again.',
        details: {
          file: name,
          ...(line === undefined ? {} : { line }),
          ...(sqlState === undefined ? {} : { sqlState }),
          ...(position === undefined ? {} : { position }),
          ...(detail === undefined ? {} : { detail }),
          message,
        },
        cause: error,
      },
    );
  }
}
