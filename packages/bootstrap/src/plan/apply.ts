import { type Connect, type SqlClient, transaction, withSession } from '@postern/test-databases/server';
import { BootstrapError } from '../errors.ts';
import { assertNotLockedOut, verifyLogin } from './lockout.ts';
import type { PlanGroup, Statement } from './statement.ts';

/**
 * Runs the groups in order, each in one transaction where PostgreSQL allows. A group that grants memberships
 * is checked before its commit and by a second login after it, while this session stays open to undo it.
 */
export async function applyGroups(
  session: SqlClient,
  connect: Connect,
  groups: readonly PlanGroup[],
  onStatement: (group: PlanGroup, statement: Statement) => void,
): Promise<void> {
  for (const group of groups) {
    if (group.database === 'postgres') await applyGroup(session, group, onStatement);
    else await withSession(connect, group.database, (inner) => applyGroup(inner, group, onStatement));
    if (group.guarded) await verifyLogin(session, connect, group);
  }
}

async function applyGroup(
  session: SqlClient,
  group: PlanGroup,
  onStatement: (group: PlanGroup, statement: Statement) => void,
): Promise<void> {
  const run = async (): Promise<void> => {
    for (const statement of group.statements) {
      await runStatement(session, group, statement);
      onStatement(group, statement);
    }
    if (group.guarded) await assertNotLockedOut(session);
  };
  await (group.transaction ? transaction(session, run) : run());
}

async function runStatement(session: SqlClient, group: PlanGroup, statement: Statement): Promise<void> {
  try {
    await session.query(statement.sql);
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code === undefined) throw error;
    throw new BootstrapError(
      'BOOTSTRAP_STATEMENT_FAILED',
      `${group.title}: ${message} (${code}) in: ${statement.sql}`,
      {
        hint: group.transaction
          ? 'Nothing of this group was kept. Correct the cause and apply again: what was done before stays and is not repeated.'
          : 'Correct the cause and apply again: what was done before stays and is not repeated.',
        details: { group: group.title, database: group.database, sql: statement.sql, sqlState: code },
        cause: error,
      },
    );
  }
}
