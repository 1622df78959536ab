import { quoteIdentifier } from '@postern/test-databases/server';
import { BootstrapError } from '../errors.ts';
import type { Membership } from './catalog.ts';
import { chainTo, type Edge } from './memberships.ts';

/**
 * Refuses memberships with which logins begin to reach rds_iam that no declaration makes an IAM login: RDS takes no password
 * of theirs from then on. People become members of an application's role, to own what it owns; they need not know.
 * `expected`: who may reach it, because it is declared so, or logs in no more.
 *
 * @throws BootstrapError `BOOTSTRAP_LOCKOUT_REFUSED`
 */
export function checkBystanders(
  before: readonly Membership[],
  after: readonly Edge[],
  iamRole: string,
  expected: ReadonlySet<string>,
): void {
  const logins = new Set(before.flatMap(({ member, login }) => (login ? [member] : [])));
  const chains = [...logins]
    .filter((login) => !expected.has(login) && chainTo(before, login, iamRole) === undefined)
    .flatMap((login) => [chainTo(after, login, iamRole) ?? []])
    .filter(({ length }) => length > 0);
  if (chains.length === 0) return;
  const one = chains.length === 1;
  const who = chains.map(([login, ...over]) => `"${login}" (over "${over.slice(0, -1).join('", "')}")`);
  const revokes = chains.map(
    ([login = '', group = '']) => `REVOKE ${quoteIdentifier(group)} FROM ${quoteIdentifier(login)}`,
  );
  throw new BootstrapError(
    'BOOTSTRAP_LOCKOUT_REFUSED',
    `${who.join(', ')} would become ${one ? 'a member' : 'members'} of ${iamRole} and could no longer log in with ${one ? 'its password' : 'their passwords'}`,
    {
      hint: `Run ${revokes.join('; ')}, or declare ${one ? 'it' : 'them'} as IAM ${one ? 'login' : 'logins'}, then apply again.`,
      details: { chains },
    },
  );
}
