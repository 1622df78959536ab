import { leaseRole, maintenanceDatabase, quoteIdentifier, testPrefix } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { AclEntry, CatalogDatabase, ClusterCatalog } from './catalog.ts';
import { conflict } from './roles.ts';
import { identifiers, type PlanGroup, type Statement } from './statement.ts';

/** Creates the database for its owner, or hands it over from the master. */
export function planDatabase(database: ManifestDatabase, catalog: ClusterCatalog): PlanGroup[] {
  const { name, owner } = database;
  const connect = [database.migrator, ...database.roles.map((role) => role.name)];
  const temporary = [
    database.migrator,
    ...database.roles
      .filter((role) => role.privileges.database.includes('TEMPORARY'))
      .map((role) => role.name),
  ];
  return [creation(name, owner, catalog), access(name, catalog, { CONNECT: connect, TEMPORARY: temporary })];
}

/** The maintenance database belongs to the master; the lease role is its only visitor. */
export function planMaintenance(catalog: ClusterCatalog): PlanGroup[] {
  return [
    creation(maintenanceDatabase, catalog.master, catalog),
    access(maintenanceDatabase, catalog, { CONNECT: [leaseRole], TEMPORARY: [] }),
  ];
}

function creation(name: string, owner: string, catalog: ClusterCatalog): PlanGroup {
  const found = catalog.databases.find((database) => database.name === name);
  const statements: Statement[] = [];
  const quoted = quoteIdentifier(name);
  if (!found) {
    statements.push({
      sql: `CREATE DATABASE ${quoted} OWNER ${quoteIdentifier(owner)}`,
      why: 'Declared, and not on the cluster yet.',
    });
  } else if (found.owner !== owner) {
    if (found.owner !== catalog.master) {
      throw conflict(
        `database "${name}" exists and belongs to "${found.owner}"`,
        `Only a database of the master is taken over. Run ALTER DATABASE ${quoted} OWNER TO ${quoteIdentifier(owner)} as its owner, or declare another name.`,
      );
    }
    statements.push({
      sql: `ALTER DATABASE ${quoted} OWNER TO ${quoteIdentifier(owner)}`,
      why: 'Created by the master; its owner role takes over.',
    });
  }
  return { title: `database ${name}`, database: 'postgres', transaction: false, guarded: false, statements };
}

function access(
  name: string,
  catalog: ClusterCatalog,
  wanted: Readonly<Record<'CONNECT' | 'TEMPORARY', readonly string[]>>,
): PlanGroup {
  const quoted = quoteIdentifier(name);
  const acl =
    catalog.databases.find((database: CatalogDatabase) => database.name === name)?.acl ?? publicDefaults;
  const has = (grantee: string, privilege: string): boolean =>
    acl.some((entry) => entry.grantee === grantee && entry.privilege === privilege);
  const statements: Statement[] = [];
  const open = ['CONNECT', 'TEMPORARY'].filter((privilege) => has('PUBLIC', privilege));
  if (open.length > 0) {
    statements.push({
      sql: `REVOKE ${open.join(', ')} ON DATABASE ${quoted} FROM PUBLIC`,
      why: 'New databases are open to every login of the cluster.',
    });
  }
  for (const privilege of ['CONNECT', 'TEMPORARY'] as const) {
    const missing = wanted[privilege].filter((role) => !has(role, privilege));
    if (missing.length > 0) {
      statements.push({
        sql: `GRANT ${privilege} ON DATABASE ${quoted} TO ${identifiers(missing)}`,
        why:
          privilege === 'CONNECT'
            ? 'The declared logins connect.'
            : 'Logins that write may use temporary tables.',
      });
    }
    // Logins of test runs reach test databases only, whoever let them in here.
    const withdrawn = [
      ...Object.values(wanted).flat(),
      ...acl.map((entry) => entry.grantee).filter(isTestLogin),
    ]
      .filter((role, index, all) => all.indexOf(role) === index)
      .filter((role) => has(role, privilege) && !wanted[privilege].includes(role));
    if (withdrawn.length > 0) {
      statements.push({
        sql: `REVOKE ${privilege} ON DATABASE ${quoted} FROM ${identifiers(withdrawn)}`,
        why: withdrawn.some(isTestLogin)
          ? 'Logins of test runs may reach test databases only.'
          : 'No longer part of the declared grant.',
      });
    }
  }
  return { title: `access to ${name}`, database: 'postgres', transaction: true, guarded: false, statements };
}

function isTestLogin(role: string): boolean {
  return role.startsWith(testPrefix);
}

/** What CREATE DATABASE leaves in `datacl` (null, i.e. these). */
const publicDefaults: readonly AclEntry[] = [
  { grantee: 'PUBLIC', privilege: 'CONNECT' },
  { grantee: 'PUBLIC', privilege: 'TEMPORARY' },
];
