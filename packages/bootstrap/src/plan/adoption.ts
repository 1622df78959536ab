import type { CatalogRole, ClusterCatalog } from './catalog.ts';
import { conflict } from './conflict.ts';
import { madeFor } from './marks.ts';
import { chainTo } from './memberships.ts';

/** Databases of test runs, which belong to the owners of the real ones. */
const testDatabase = /^pt[a-z]?_/;

/**
 * Refuses a role that was there before, when the declaration would hand out more than it says: `granted` roles (owners,
 * groups) give their members all that they have and reach, and a login that administers the cluster would lose its password.
 * A role with our mark is ours; what a person gave it since is drift.
 *
 * @throws BootstrapError `BOOTSTRAP_OWNER_CONFLICT`
 */
export function checkAdoption(
  role: CatalogRole,
  granted: boolean,
  catalog: ClusterCatalog,
  declared: readonly string[],
): void {
  if (madeFor(role) !== undefined) return;
  const { name } = role;
  for (const power of catalog.powerful) {
    if (!granted && !power.administers) continue;
    const chain = chainTo(catalog.memberships, name, power.name);
    if (!chain) continue;
    const what =
      power.name === name
        ? `has ${role.powers.join(', ')}`
        : `reaches "${power.name}"${chain.length > 2 ? ` over "${chain.slice(1, -1).join('", "')}"` : ''}`;
    throw conflict(
      `role "${name}" was not made by a bootstrap and ${what}`,
      granted
        ? 'As owner or group its members would have that, too: declare another name, or take it from the role first.'
        : 'It would lose its password login: declare another name, or take that from the role first.',
    );
  }
  if (!granted) return;
  const elsewhere = role.owns.filter(
    (database) => !declared.includes(database) && !testDatabase.test(database),
  );
  if (elsewhere.length === 0) return;
  throw conflict(
    `role "${name}" was not made by a bootstrap, and owns database "${elsewhere.join('", "')}" or something in it`,
    'As owner or group its members could drop that: declare another name, or all of these databases.',
  );
}
