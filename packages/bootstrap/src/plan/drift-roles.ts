import { maintenanceDatabase, quoteIdentifier, testPrefix } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { DriftItem } from '../contract/response.ts';
import { isMarkedDatabase, madeFor, renamedFrom } from './marks.ts';
import type { Snapshot } from './plan.ts';
import { rolesOf } from './roles.ts';
import { compareSettings, settingName } from './settings.ts';

/** Roles and databases that were made by a declaration which is gone. */
export function driftOfMarked(databases: readonly ManifestDatabase[], snapshot: Snapshot): DriftItem[] {
  const { cluster, declared } = snapshot;
  const known = new Set(declared.flatMap((database) => rolesOf(database, true)));
  const selected = new Set(databases.map(({ name }) => name));
  const roles = cluster.roles.flatMap((role): DriftItem[] => {
    const { name } = role;
    const database = madeFor(role);
    const earlier = renamedFrom(role);
    if (earlier && selected.has(earlier.database) && !known.has(name)) {
      const found = `made as "${earlier.role}" for database "${earlier.database}" and renamed since`;
      return [{ kind: 'role', object: `role "${name}"`, found, prunable: false }];
    }
    // Those of databases that another artefact may declare are not ours to judge.
    if (database === undefined || !selected.has(database) || known.has(name)) return [];
    const found = `made for database "${database}", which declares it no longer`;
    return [{ kind: 'role', object: `role "${name}"`, found, prunable: true }];
  });
  const all = declared.every(({ name }) => selected.has(name));
  const gone = (all ? cluster.databases : []).flatMap((found): DriftItem[] => {
    const { name } = found;
    if (!isMarkedDatabase(found) || name === maintenanceDatabase) return [];
    if (declared.some((database) => database.name === name)) return [];
    const what = 'made by a bootstrap; this artefact does not declare it (another one may)';
    return [{ kind: 'database', object: `database "${name}"`, found: what, prunable: true }];
  });
  return [...roles, ...gone];
}

/** Attributes and settings of the declared roles that no declaration has. */
export function driftOfRoles(
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  testDatabases: boolean,
): DriftItem[] {
  const { cluster, declared } = snapshot;
  const ours = new Set(databases.flatMap((database) => rolesOf(database, testDatabases)));
  const items: DriftItem[] = [];
  for (const role of cluster.roles) {
    if (!ours.has(role.name)) continue;
    const object = `role "${role.name}"`;
    const quoted = quoteIdentifier(role.name);
    for (const power of role.powers) {
      const sql = `ALTER ROLE ${quoted} NO${power}`;
      items.push({ kind: 'attribute', object, found: power, prunable: false, sql });
    }
    if (role.validUntil !== null) {
      items.push({
        kind: 'attribute',
        object,
        found: `its password is valid until ${role.validUntil}`,
        prunable: false,
        sql: `ALTER ROLE ${quoted} VALID UNTIL 'infinity'`,
      });
    }
    // Settings of test logins are the plan's.
    if (role.name.startsWith(testPrefix)) continue;
    const wanted =
      declared.flatMap(({ roles }) => roles).find(({ name }) => name === role.name)?.settings ?? {};
    for (const setting of compareSettings(role.settings, wanted).extra) {
      items.push({
        kind: 'setting',
        object,
        found: settingOf(role.settings, setting),
        prunable: false,
        sql: `ALTER ROLE ${quoted} RESET ${settingName(setting)}`,
      });
    }
  }
  for (const { role, database, settings } of cluster.roleInDatabase) {
    if (!databases.some(({ name }) => name === database)) continue;
    for (const entry of settings) {
      const setting = entry.slice(0, entry.indexOf('='));
      items.push({
        kind: 'setting',
        database,
        object: `role "${role}"`,
        found: `${entry}, in this database only`,
        prunable: false,
        sql: `ALTER ROLE ${quoteIdentifier(role)} IN DATABASE ${quoteIdentifier(database)} RESET ${settingName(setting)}`,
      });
    }
  }
  return items;
}

/** `name=value` as it was found. */
export function settingOf(settings: readonly string[], name: string): string {
  return settings.find((entry) => entry.startsWith(`${name}=`)) ?? name;
}
