import type { ManifestDatabase } from '../contract/manifest.ts';
import type { RoleStatus } from '../contract/response.ts';
import { madeFor } from './marks.ts';
import { reaches } from './memberships.ts';
import type { Snapshot } from './plan.ts';
import { iamRole } from './role-plan.ts';
import { rolesOf } from './roles.ts';

/** The declared roles as they are, those of test runs included where they are allowed. */
export function roleStatus(
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  options: { readonly testDatabases: boolean },
): RoleStatus[] {
  const { roles, memberships } = snapshot.cluster;
  const names = new Set(databases.flatMap((database) => rolesOf(database, options.testDatabases)));
  return [...names].map((name) => {
    const found = roles.find((role) => role.name === name);
    const groups = memberships.filter((row) => row.member === name && row.role !== iamRole && !row.implicit);
    return {
      name,
      exists: found !== undefined,
      login: found?.login ?? false,
      iam: found !== undefined && reaches(memberships, name, iamRole),
      managed: found !== undefined && madeFor(found) !== undefined,
      memberOf: [...new Set(groups.map(({ role }) => role))],
    };
  });
}
