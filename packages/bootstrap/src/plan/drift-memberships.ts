import { quoteIdentifier } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { DriftItem } from '../contract/response.ts';
import { type Membership, membershipOptionsVersion } from './catalog.ts';
import { wantedMemberships } from './memberships.ts';
import type { Snapshot } from './plan.ts';
import { iamRole } from './role-plan.ts';
import { rolesOf, withdrawals } from './roles.ts';

/** Members of, and memberships of, the declared roles and owners that no declaration names; the master's aside. */
export function driftOfMemberships(
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  testDatabases: boolean,
): DriftItem[] {
  const { cluster, declared } = snapshot;
  const options = cluster.version >= membershipOptionsVersion;
  const ours = new Set(databases.flatMap((database) => rolesOf(database, testDatabases)));
  const wanted = wantedMemberships(declared);
  const planned = withdrawals(databases, declared, cluster);
  const items: DriftItem[] = [];
  for (const row of cluster.memberships) {
    const { role, member } = row;
    if (row.implicit || member === cluster.master || !(ours.has(role) || ours.has(member))) continue;
    if (role !== iamRole && planned.some((each) => each.role === role && each.member === member)) continue;
    // Who is in rds_iam and should not be is taken out by the plan.
    const allowed =
      role === iamRole
        ? { inherit: true, set: true }
        : wanted.find((each) => each.role === role && each.member === member);
    const more = allowed ? beyond(row, options ? allowed : { inherit: true, set: true }) : undefined;
    if (allowed && !more) continue;
    const by = options && row.grantor !== cluster.master ? ` GRANTED BY ${quoteIdentifier(row.grantor)}` : '';
    items.push({
      kind: 'member',
      object: `role "${member}"`,
      found: `is a member of "${role}"${more ? ` with ${more.join(', ')}` : ''}, granted by "${row.grantor}"`,
      prunable: false,
      // Of a declared membership only what is beyond it: the rest is what the service lives on.
      sql: (more?.map((option) => `${option} OPTION FOR `) ?? [''])
        .map((what) => `REVOKE ${what}${quoteIdentifier(role)} FROM ${quoteIdentifier(member)}${by}`)
        .join('; '),
    });
  }
  return items;
}

/** The options that a membership has beyond those wanted. */
function beyond(row: Membership, wanted: { inherit: boolean; set: boolean }): string[] | undefined {
  const more = [
    ...(row.admin ? ['ADMIN'] : []),
    ...(row.inherit && !wanted.inherit ? ['INHERIT'] : []),
    ...(row.set && !wanted.set ? ['SET'] : []),
  ];
  return more.length > 0 ? more : undefined;
}
