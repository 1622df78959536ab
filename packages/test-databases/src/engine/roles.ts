import type { DatabaseGrants } from '../server/databases.ts';
import { quoteIdentifier } from '../server/names.ts';
import type { EngineSession, TestDatabasesOptions } from './types.ts';

/** Who is who on the server. */
export interface Identity {
  /** The role of `connect`. */
  readonly master: string;
  readonly owner: string;
}

/** What clones are open to: their owner has every right already. */
export function grantsOf(logins: readonly string[] = []): DatabaseGrants {
  return { connect: logins, temporary: logins };
}

/** Opens a session that acts as the owner of the databases. */
export async function connectAsOwner(
  connect: TestDatabasesOptions['connect'],
  { master, owner }: Identity,
  database: string,
): Promise<EngineSession> {
  const session = await connect(database);
  try {
    if (owner !== master) await session.query(`SET ROLE ${quoteIdentifier(owner)}`);
    return session;
  } catch (error) {
    await session.end().catch(() => undefined);
    throw error;
  }
}
