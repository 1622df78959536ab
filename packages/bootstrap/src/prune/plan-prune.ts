import { leaseRole, maintenanceDatabase, quoteIdentifier, testPrefix } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { PruneResult } from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { isMarkedDatabase, madeFor, renamedFrom } from '../plan/marks.ts';
import { rolesOf } from '../plan/roles.ts';
import type { PlanGroup } from '../plan/statement.ts';
import type { PruneCatalog, PruneDatabase } from './catalog.ts';
import { planRoleDrop } from './role-drop.ts';

type Kept = PruneResult['kept'][number];

/** Something that goes, and how. */
export interface Removal {
  readonly kind: 'role' | 'database';
  readonly name: string;
  /** In order; when one fails, those after it are left out. */
  readonly groups: readonly PlanGroup[];
  /** A failure ends the prune, since somebody asked for exactly this; else it is a reason to keep it. */
  readonly required: boolean;
}

export interface PrunePlan {
  /** In order: databases, templates, test logins, roles. */
  readonly removals: readonly Removal[];
  readonly kept: readonly Kept[];
}

export interface PruneScope {
  /** Everything that the artefact declares. */
  readonly declared: readonly ManifestDatabase[];
  /** Names of the databases whose former roles are to go. */
  readonly selected: readonly string[];
  /** Databases that are to go with all their data. */
  readonly dropDatabases: readonly string[];
  /** Whether to tell of marked databases that the artefact does not declare. */
  readonly all: boolean;
}

/**
 * What is marked as made by us, belongs to the scope and is declared no longer. Pure: the same input gives the same plan. Refuses
 * as a whole what must not be dropped; what cannot be dropped without touching something that is not ours is kept, with the reason.
 *
 * @throws BootstrapError `BOOTSTRAP_PRUNE_REFUSED`
 */
export function planPrune(scope: PruneScope, catalog: PruneCatalog): PrunePlan {
  const going = databasesToDrop(scope, catalog);
  const kept: Kept[] = [];
  const removals: Removal[] = going.found.map(({ name }) => dropDatabase(name));
  for (const name of going.missing) {
    kept.push({ object: `database "${name}"`, why: 'There is none of this name: nothing to drop.' });
  }

  const declared = new Set(scope.declared.flatMap((database) => rolesOf(database, true)));
  const inScope = new Set([...scope.selected, ...scope.dropDatabases]);
  const candidates = catalog.roles.filter((role) => {
    const database = madeFor(role);
    return database !== undefined && inScope.has(database) && !declared.has(role.name);
  });
  for (const role of catalog.roles) {
    const mark = renamedFrom(role);
    if (!mark || !inScope.has(mark.database) || declared.has(role.name)) continue;
    kept.push({
      object: `role "${role.name}"`,
      why: `It was made as "${mark.role}" and renamed since, so it is somebody else's now. If nobody needs it, drop it by hand.`,
    });
  }

  const templates = new Set<string>();
  const drops: Removal[] = [];
  for (const role of [...candidates].sort(
    (a, b) => Number(isTestLogin(b.name)) - Number(isTestLogin(a.name)),
  )) {
    const obstacle =
      obstacleTo(role.name, scope, catalog) ?? obstacleOfTested(role.name, declared, scope, catalog);
    if (obstacle !== undefined) {
      kept.push({ object: `role "${role.name}"`, why: obstacle });
      continue;
    }
    for (const name of placesOf(role.name, catalog))
      if (isOldTemplate(name, scope, catalog)) templates.add(name);
    const groups = planRoleDrop(role, catalog, (database) =>
      scope.dropDatabases.includes(database)
        ? undefined
        : scope.declared.find((candidate) => candidate.name === database)?.owner,
    );
    drops.push({ kind: 'role', name: role.name, groups, required: false });
  }
  removals.push(...[...templates].sort().map(dropTemplate), ...drops);

  if (scope.all) kept.push(...undeclared(scope, catalog));
  return { removals, kept };
}

function databasesToDrop(
  scope: PruneScope,
  catalog: PruneCatalog,
): { readonly found: PruneDatabase[]; readonly missing: string[] } {
  const problems: string[] = [];
  const found: PruneDatabase[] = [];
  const missing: string[] = [];
  for (const name of new Set(scope.dropDatabases)) {
    const database = catalog.databases.find((candidate) => candidate.name === name);
    if (name === maintenanceDatabase) problems.push(`"${name}" holds the ledger of test databases`);
    else if (scope.declared.some((candidate) => candidate.name === name)) {
      problems.push(`"${name}" is declared: take the declaration out of the artefact first`);
    } else if (!database) missing.push(name);
    else if (!isMarkedDatabase(database)) {
      problems.push(`"${name}" does not carry the mark of a database that was created here`);
    } else if (!inherits(catalog, database.owner)) {
      problems.push(`"${name}" belongs to "${database.owner}", whose rights the master does not have`);
    } else found.push(database);
  }
  if (problems.length > 0) {
    throw new BootstrapError('BOOTSTRAP_PRUNE_REFUSED', `not to be dropped: ${problems.join('; ')}`, {
      hint: 'Nothing was changed. Only a database that apply has created and that nobody declares any more is dropped here; drop any other by hand.',
      details: { problems },
    });
  }
  return { found, missing };
}

/** DROP DATABASE needs what the owner may: the master is the owner, or inherits from it. */
function inherits(catalog: PruneCatalog, role: string): boolean {
  const held = new Set([catalog.master]);
  for (const member of held) {
    for (const row of catalog.memberships) if (row.member === member && row.inherit) held.add(row.role);
  }
  return held.has(role);
}

function dropDatabase(name: string): Removal {
  return {
    kind: 'database',
    name,
    required: true,
    groups: [
      alone(`database ${name}`, [
        {
          sql: `DROP DATABASE ${quoteIdentifier(name)} WITH (FORCE)`,
          why: 'Named in dropDatabases, made by the bootstrap, declared no longer. Its sessions are ended, its data is gone.',
        },
      ]),
    ],
  };
}

function dropTemplate(name: string): Removal {
  const quoted = quoteIdentifier(name);
  return {
    kind: 'database',
    name,
    required: false,
    groups: [
      alone(`template ${name}`, [
        {
          sql: `ALTER DATABASE ${quoted} IS_TEMPLATE false`,
          why: 'A template of test databases in which a role that goes has grants. Whoever needs it builds it again.',
        },
        {
          sql: `DROP DATABASE ${quoted} WITH (FORCE)`,
          why: 'A template is dropped after it is none any more.',
        },
      ]),
    ],
  };
}

/** Statements that PostgreSQL does not run in a transaction. */
function alone(title: string, statements: PlanGroup['statements']): PlanGroup {
  return { title, database: 'postgres', transaction: false, guarded: false, statements };
}

/** Why the role has to stay; undefined when nothing speaks for it. */
function obstacleTo(role: string, scope: PruneScope, catalog: PruneCatalog): string | undefined {
  if (role === leaseRole) return 'It holds the leases of test runs.';
  for (const { database, kind } of catalog.dependencies.filter((found) => found.role === role)) {
    if (database === undefined || scope.dropDatabases.includes(database)) continue;
    const quoted = `"${database}"`;
    const declared = scope.declared.find((candidate) => candidate.name === database);
    if (kind === 'database') {
      return declared
        ? `It owns the database ${quoted}. Run ALTER DATABASE ${quoted} OWNER TO "${declared.owner}", then prune again.`
        : `It owns the database ${quoted}, which this artefact does not declare.`;
    }
    if (declared) continue;
    if (isOldTemplate(database, scope, catalog)) continue;
    if (catalog.templates.some(({ name }) => name === database)) {
      return `The template ${quoted} of a declared database depends on it: one of its migrations names the role.`;
    }
    if (/^pt[tb]?_/.test(database)) {
      return `The test database ${quoted} depends on it and goes with its run, or with sweep. Then prune again.`;
    }
    return kind === 'access'
      ? `It has privileges on the database ${quoted}, which this artefact does not declare.`
      : `Objects or grants in the database ${quoted}, which this artefact does not declare, depend on it.`;
  }
  return undefined;
}

/** A test login goes only together with its role: where that is used by others, they may declare it and test with it. */
function obstacleOfTested(
  role: string,
  declared: ReadonlySet<string>,
  scope: PruneScope,
  catalog: PruneCatalog,
): string | undefined {
  const tested = role.slice(testPrefix.length);
  if (!isTestLogin(role) || declared.has(tested)) return undefined;
  const obstacle = obstacleTo(tested, scope, catalog);
  return obstacle && `Test runs act as "${tested}" through it, which has to stay: ${obstacle}`;
}

function placesOf(role: string, catalog: PruneCatalog): string[] {
  return catalog.dependencies.flatMap((found) =>
    found.role === role && found.database !== undefined ? [found.database] : [],
  );
}

/** A template that the ledger lists and that is not the one of a declared database. */
function isOldTemplate(name: string, scope: PruneScope, catalog: PruneCatalog): boolean {
  const template = catalog.templates.find((listed) => listed.name === name);
  return template !== undefined && !scope.declared.some(({ templateHash }) => templateHash === template.hash);
}

function isTestLogin(role: string): boolean {
  return role.startsWith(testPrefix);
}

function undeclared(scope: PruneScope, catalog: PruneCatalog): Kept[] {
  return catalog.databases
    .filter((database) => isMarkedDatabase(database) && database.name !== maintenanceDatabase)
    .filter(({ name }) => !scope.dropDatabases.includes(name))
    .filter(({ name }) => !scope.declared.some((database) => database.name === name))
    .map(({ name }) => ({
      object: `database "${name}"`,
      why: 'This artefact does not declare it. If no other one does: dropDatabases drops it, with its roles and its data.',
    }));
}
