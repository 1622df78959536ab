import { type Connect, type SqlClient, withSession } from '@postern/test-databases/server';
import { withoutSelfGrant } from '../plan/lockout.ts';
import { openInside } from '../plan/open-inside.ts';
import { briefLockTimeoutMs, type PlanGroup } from '../plan/statement.ts';
import type { Removal } from './plan-prune.ts';

/**
 * Why a role cannot go, found out without changing anything; undefined when nothing was found. A role with rights in several databases
 * goes in as many transactions, and what only the last one meets would leave it without its login and half its grants. So all are run
 * and rolled back first, but for the DROP ROLE, which the others have to precede; instead it is asked what would be left for it to fail on.
 */
export async function rehearse(removal: Removal, connect: Connect): Promise<string | undefined> {
  if (removal.kind !== 'role' || removal.groups.length < 2) return undefined;
  for (const group of removal.groups) {
    const reason = await withSession(openInside(connect), group.database, (session) =>
      rehearseGroup(session, group, removal.name),
    ).catch(reasonOfServer);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

async function rehearseGroup(
  session: SqlClient,
  group: PlanGroup,
  role: string,
): Promise<string | undefined> {
  await session.query('BEGIN');
  try {
    await withoutSelfGrant(session);
    await session.query(`SELECT set_config('lock_timeout', $1, true)`, [`${briefLockTimeoutMs}ms`]);
    for (const { sql } of group.statements) if (!sql.startsWith('DROP ROLE ')) await session.query(sql);
    const { rows } = await session.query(leftovers, [role]);
    if (rows.length === 0) return undefined;
    const what = rows.map((row) => row.what as string).join(', ');
    return `In the database "${group.database}" another role has granted it something that only that role can take back: ${what}. Nothing was taken from it.`;
  } finally {
    await session.query('ROLLBACK').catch(() => undefined);
  }
}

/** What belongs to the role, or names it in its grants, here and in the cluster. */
const leftovers = `SELECT pg_describe_object(s.classid, s.objid, s.objsubid) AS what FROM pg_shdepend s
 JOIN pg_roles r ON s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
WHERE r.rolname = $1 AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY 1 LIMIT 10`;

/** What a server said against it that goes on working; undefined for what the real run tries again. */
function reasonOfServer(error: unknown): string | undefined {
  const { code, message, detail } = (error ?? {}) as { code?: string; message?: string; detail?: string };
  // Connection lost, server out of something, server going down; no answer of a server at all.
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(08|53|57|58)/.test(code)) throw error;
  // Somebody else changes the same roles.
  if (/^(40001|40P01|XX000|23505)$/.test(code)) return undefined;
  return detail === undefined ? message : `${message}: ${detail.replaceAll('\n', ', ')}`;
}
