import { installReset } from '../server/reset/install.ts';
import type { SqlClient } from '../server/sql-client.ts';
import { ensureTemplate, type Template } from '../server/templates.ts';
import { connectAsOwner, type Identity } from './roles.ts';
import type { EngineSession, TestDatabasesOptions } from './types.ts';

/** The template of the run's hash: found, waited for, or built by the caller's `fill`. */
export async function provideTemplate(
  session: SqlClient,
  options: TestDatabasesOptions,
  identity: Identity,
): Promise<Template & { readonly built: boolean }> {
  const { name, template, connect, buildTimeoutMs = 600_000 } = options;
  return await ensureTemplate(
    session,
    {
      hash: template.hash,
      database: name,
      owner: identity.owner,
      fill: async (building) => {
        await inSession(
          () => connectAsOwner(connect, identity, building),
          (session) => template.fill(session, building),
        );
        await finish(connect, identity, building);
      },
    },
    { lockTimeoutMs: buildTimeoutMs },
  );
}

/**
 * Makes a filled database one to copy: the reset machinery, then statistics for the planner, in a fresh session,
 * which after the last DDL also writes the relation cache file that saves the first connection to every clone some
 * work.
 */
export async function finish(
  connect: TestDatabasesOptions['connect'],
  identity: Identity,
  database: string,
): Promise<void> {
  await inSession(
    () => connect(database),
    (session) => installReset(session, { owner: identity.owner, callers: [] }),
  );
  await inSession(
    () => connectAsOwner(connect, identity, database),
    (session) => session.query('ANALYZE'),
  );
}

async function inSession(
  open: () => Promise<EngineSession>,
  work: (session: EngineSession) => Promise<unknown>,
): Promise<void> {
  const session = await open();
  try {
    await work(session);
  } finally {
    await session.end().catch(() => undefined);
  }
}
