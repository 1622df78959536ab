import { setTimeout as delay } from 'node:timers/promises';
import type { Connect, SqlClient } from '@postern/test-databases/server';
import { BootstrapError } from '../errors.ts';
import { implicitSql } from './catalog.ts';
import type { PlanGroup } from './statement.ts';

/**
 * Does the login reach rds_iam as the server's `+rds_iam` rule counts it? pg_has_role cannot be asked: on stock
 * PostgreSQL 16+ it also counts the ADMIN-only rows that a creator of roles gets by itself from the bootstrap
 * superuser (OID 10), which RDS does not have.
 */
const reachesIam = `
WITH RECURSIVE up (roleid) AS (
  SELECT a.roleid FROM pg_auth_members a
   WHERE a.member = to_regrole(quote_ident(session_user)) AND NOT ${implicitSql('a')}
  UNION
  SELECT a.roleid FROM pg_auth_members a JOIN up ON a.member = up.roleid WHERE NOT ${implicitSql('a')})
SELECT EXISTS (SELECT FROM up WHERE roleid = to_regrole('rds_iam')) AS iam, session_user AS master`;

/**
 * Where `createrole_self_grant` is set, for the server or the master, a CREATE ROLE makes the creator a member, and the
 * rds_iam of the new role would then be the master's. Off for this transaction; unknown before PostgreSQL 16.
 */
const selfGrantOff = `SELECT set_config(name, '', true) FROM pg_settings WHERE name = 'createrole_self_grant'`;

/** To be run at the start of a transaction that creates roles. */
export async function withoutSelfGrant(session: SqlClient): Promise<void> {
  await session.query(selfGrantOff);
}

/** Walks the memberships as the server will; throws before the commit when the master would be caught. */
export async function assertNotLockedOut(session: SqlClient): Promise<void> {
  const { rows } = await session.query(reachesIam);
  if (rows[0].iam !== true) return;
  throw new BootstrapError(
    'BOOTSTRAP_LOCKOUT_REFUSED',
    `with these grants "${rows[0].master}" would be a member of rds_iam and could no longer log in with its password`,
    {
      hint: 'Nothing was granted. Find the role that links the master to rds_iam in pg_auth_members and revoke it.',
    },
  );
}

/** How often the second login is tried when the server has no room or cannot be reached. */
const logins = 4;

/**
 * A second login as the master while the first stays open; when it is refused the group's grants are taken back. A server that is full or
 * out of reach says nothing about the grants: they stay, since the walk before the commit has found nothing wrong with them.
 *
 * @throws BootstrapError `BOOTSTRAP_LOCKOUT_UNDONE`, or `BOOTSTRAP_DATABASE_UNREACHABLE` when there was no answer
 */
export async function verifyLogin(session: SqlClient, connect: Connect, group: PlanGroup): Promise<void> {
  try {
    await logIn(connect);
  } catch (cause) {
    if (!isRefusal(cause)) {
      throw new BootstrapError(
        'BOOTSTRAP_DATABASE_UNREACHABLE',
        `no second login as the master after "${group.title}", in ${logins} attempts: ${(cause as Error).message}`,
        {
          hint: 'Nothing was taken back: the master is no member of rds_iam. Apply again when the server has room for more sessions.',
          details: { group: group.title },
          cause,
        },
      );
    }
    const undone: string[] = [];
    const kept: string[] = [];
    for (const { undo } of [...group.statements].reverse()) {
      if (undo === undefined) continue;
      // Each for itself: one that fails must not keep the others from opening the way again.
      await session.query(undo).then(
        () => undone.push(undo),
        (error: unknown) => kept.push(`${undo}: ${(error as Error).message}`),
      );
    }
    throw new BootstrapError(
      'BOOTSTRAP_LOCKOUT_UNDONE',
      `the master could not log in again after "${group.title}": ${(cause as Error).message}`,
      {
        hint:
          kept.length === 0
            ? 'The grants were taken back over the session that was still open. Log in as the master to check, then look at the memberships of rds_iam.'
            : 'Not all grants could be taken back (details.kept). Log in as the master to check; if it is refused, revoke them as another member of rds_superuser.',
        details: { group: group.title, undone, ...(kept.length > 0 ? { kept } : {}) },
        cause,
      },
    );
  }
}

async function logIn(connect: Connect): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const second = await connect('postgres');
      return await second.end();
    } catch (error) {
      if (attempt === logins || isRefusal(error)) throw error;
      await delay(100 * 2 ** attempt * (1 + Math.random()));
    }
  }
}

/** The server knows the master and does not let it in. */
function isRefusal(error: unknown): boolean {
  return /^(BOOTSTRAP_LOGIN_REFUSED|28000|28P01)$/.test((error as { code?: string }).code ?? '');
}
