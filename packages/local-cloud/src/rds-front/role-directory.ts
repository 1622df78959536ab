import pg from 'pg';
import type { PostgresMajor } from '../postgres/major.ts';
import { notAccepting } from './refusal.ts';

/** The server behind the front: its socket, and the superuser that the socket trusts. */
export interface FrontServer {
  readonly socketDir: string;
  readonly socketPath: string;
  readonly superuser: string;
  readonly major: PostgresMajor;
}

/** What decides how a role logs in. */
export interface RoleEntry {
  /** Member of `rds_iam`, so that only a token opens the door. */
  readonly iam: boolean;
  /** The stored password, unless there is none or it has expired: then no password is right. */
  readonly password: string | undefined;
  readonly passwordExpired: boolean;
}

export interface RoleDirectory {
  /** Undefined: no such role. */
  find(role: string): Promise<RoleEntry | undefined>;
  close(): Promise<void>;
}

/**
 * A walk up the memberships, as the server's `+rds_iam` line takes it, but for one kind of row: from version 16 on,
 * whoever creates a role without being superuser becomes its member, with ADMIN only, granted by the bootstrap
 * superuser (oid 10). On a stock server that row makes the creator of an IAM role an IAM user too; RDS does not.
 * Version 15 has neither such rows nor the columns that tell them.
 */
const lookUp = (major: PostgresMajor) => ({
  name: 'front-role',
  text: `
    with recursive counted as (
      select member, roleid from pg_auth_members
      ${major >= 16 ? 'where not (grantor = 10 and admin_option and not inherit_option and not set_option)' : ''}
    ), up as (
      select roleid from counted where member = (select oid from pg_authid where rolname = $1)
      union
      select counted.roleid from counted join up on counted.member = up.roleid
    )
    select rolpassword as password,
           coalesce(rolvaliduntil < now(), false) as expired,
           exists (select from up where roleid = to_regrole('rds_iam')) as iam
      from pg_authid where rolname = $1`,
});

/** Looks roles up on a few sessions of the superuser that stay open, in the database that clients cannot enter. */
export async function openRoleDirectory(server: FrontServer): Promise<RoleDirectory> {
  const pool = new pg.Pool({
    host: server.socketDir,
    user: server.superuser,
    database: server.superuser,
    application_name: 'RDS front',
    max: 2,
    idleTimeoutMillis: 0,
    allowExitOnIdle: true,
  });
  pool.on('error', () => {}); // the server went down; the next look-up says so
  await pool.query('select');
  const query = lookUp(server.major);
  return {
    async find(role) {
      const { rows } = await pool.query(query, [role]).catch(rethrowAsRefusal);
      const row = rows[0] as { password: string | null; expired: boolean; iam: boolean } | undefined;
      return (
        row && {
          iam: row.iam,
          password: row.expired ? undefined : (row.password ?? undefined),
          passwordExpired: row.expired,
        }
      );
    },
    close: () => pool.end(),
  };
}

function rethrowAsRefusal(cause: Error & { code?: string }): never {
  const reason = `look-up failed: ${cause.code ?? cause.message}`;
  if (cause.code === '57P03') throw notAccepting(cause.message, reason);
  throw notAccepting('the database system is shutting down', reason);
}
