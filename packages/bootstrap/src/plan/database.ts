import { leaseRole, maintenanceDatabase, quoteIdentifier, testPrefix } from '@postern/test-databases/server';
import type { ManifestDatabase, ManifestOptions } from '../contract/manifest.ts';
import { BootstrapError } from '../errors.ts';
import {
  type AclEntry,
  type CatalogDatabase,
  type ClusterCatalog,
  cascade,
  everybody,
  isFrom,
} from './catalog.ts';
import { conflict } from './conflict.ts';
import { checkLocale, localeClause } from './locale.ts';
import { databaseMark } from './marks.ts';
import { assignment, compareSettings } from './settings.ts';
import { identifiers, type PlanGroup, quoteLiteral, type Statement } from './statement.ts';

type DatabasePrivilege = 'CONNECT' | 'TEMPORARY' | 'CREATE';
type Wanted = Readonly<Record<DatabasePrivilege, readonly string[]>>;

/** Creates the database for its owner, or hands it over from the master. */
export function planDatabase(database: ManifestDatabase, catalog: ClusterCatalog): PlanGroup[] {
  const { name, owner, options } = database;
  return [
    creation(name, owner, options, catalog),
    settings(name, options, catalog),
    access(name, owner, catalog, databaseGrants(database, catalog.master), [
      database.migrator,
      ...database.roles.map((role) => role.name),
    ]),
  ];
}

/**
 * Who may do what with a declared database as a whole. The master is let in by name, too: should it ever lose the owner's
 * role, it still can look inside, and apply can repair that.
 */
function databaseGrants(database: ManifestDatabase, master: string): Wanted {
  const holders = (privilege: DatabasePrivilege): string[] =>
    database.roles.filter((role) => role.privileges.database.includes(privilege)).map((role) => role.name);
  return {
    CONNECT: [master, database.migrator, ...holders('CONNECT')],
    TEMPORARY: [database.migrator, ...holders('TEMPORARY')],
    CREATE: holders('CREATE'),
  };
}

/** The maintenance database belongs to the master; the lease role is its only visitor. */
export function planMaintenance(catalog: ClusterCatalog): PlanGroup[] {
  return [
    creation(maintenanceDatabase, catalog.master, { connectionLimit: -1, settings: {} }, catalog),
    access(
      maintenanceDatabase,
      catalog.master,
      catalog,
      { CONNECT: [leaseRole], TEMPORARY: [], CREATE: [] },
      [leaseRole],
    ),
  ];
}

/**
 * A database is created closed (ALLOW_CONNECTIONS false) and opened together with its grants: a new one would let every
 * login of the cluster in. It cannot be created and marked in one transaction; one that is closed, belongs to its
 * declared owner and has never been granted to anybody was left so by an apply that was cut off.
 */
function halfMade(found: CatalogDatabase, owner: string): boolean {
  return !found.allowsConnections && found.untouched && found.owner === owner;
}

function creation(name: string, owner: string, options: ManifestOptions, catalog: ClusterCatalog): PlanGroup {
  const found = catalog.databases.find((database) => database.name === name);
  const statements: Statement[] = [];
  const quoted = quoteIdentifier(name);
  const mark = {
    sql: `COMMENT ON DATABASE ${quoted} IS ${quoteLiteral(databaseMark(name))}`,
    why: 'By this mark prune knows what was made here.',
  };
  if (!found) {
    const limit = options.connectionLimit === -1 ? '' : ` CONNECTION LIMIT ${options.connectionLimit}`;
    statements.push(
      {
        sql: `CREATE DATABASE ${quoted} OWNER ${quoteIdentifier(owner)}${localeClause(name, options, catalog)} ALLOW_CONNECTIONS false${limit}`,
        why: 'Declared, and not on the cluster yet. Closed until its grants are made.',
      },
      mark,
    );
    return {
      title: `database ${name}`,
      database: 'postgres',
      transaction: false,
      guarded: false,
      statements,
    };
  }
  checkLocale(found, options, catalog.encodings);
  if (!found.allowsConnections && !halfMade(found, owner)) {
    throw new BootstrapError('BOOTSTRAP_DATABASE_CONFLICT', `database "${name}" admits no connections`, {
      hint: `Somebody closed it. Run ALTER DATABASE ${quoted} ALLOW_CONNECTIONS true as the master, then apply again.`,
      details: { database: name },
    });
  }
  if (found.owner !== owner) {
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
  } else if (halfMade(found, owner) && found.comment === null) {
    statements.push(mark);
  }
  return { title: `database ${name}`, database: 'postgres', transaction: true, guarded: false, statements };
}

function settings(name: string, options: ManifestOptions, catalog: ClusterCatalog): PlanGroup {
  const found = catalog.databases.find((database) => database.name === name);
  const quoted = quoteIdentifier(name);
  const statements: Statement[] = [];
  if (found && found.connectionLimit !== options.connectionLimit) {
    statements.push({
      sql: `ALTER DATABASE ${quoted} CONNECTION LIMIT ${options.connectionLimit}`,
      why:
        options.connectionLimit === -1
          ? 'Declared without a limit of its own.'
          : 'The declared limit of sessions.',
    });
  }
  for (const [setting, value] of compareSettings(found?.settings ?? [], options.settings).missing) {
    statements.push({
      sql: `ALTER DATABASE ${quoted} SET ${assignment(setting, value)}`,
      why: 'Declared: each session in the database starts with it.',
    });
  }
  return {
    title: `settings of ${name}`,
    database: 'postgres',
    transaction: true,
    guarded: false,
    statements,
  };
}

function access(
  name: string,
  owner: string,
  catalog: ClusterCatalog,
  wanted: Wanted,
  declared: readonly string[],
): PlanGroup {
  const quoted = quoteIdentifier(name);
  const found = catalog.databases.find((database) => database.name === name);
  // With the database its owner's rights go to the new one.
  const renamed = (role: string): string => (role === found?.owner ? owner : role);
  const acl = (found?.acl ?? publicDefaults).map((entry) => ({
    ...entry,
    grantee: renamed(entry.grantee),
    grantor: renamed(entry.grantor ?? owner),
  }));
  // What others granted is drift: it does not go with our REVOKE, and may go with theirs.
  const has = (grantee: string, privilege: string): boolean =>
    acl.some((entry) => entry.grantee === grantee && entry.privilege === privilege && isFrom(entry, owner));
  const statements: Statement[] = [];
  const open = privileges.filter((privilege) => has(everybody, privilege));
  if (open.length > 0) {
    statements.push({
      sql: `REVOKE ${open.join(', ')} ON DATABASE ${quoted} FROM PUBLIC`,
      why: 'New databases are open to every login of the cluster.',
    });
  }
  for (const privilege of privileges) {
    const missing = wanted[privilege].filter((role) => !has(role, privilege));
    if (missing.length > 0) {
      statements.push({
        sql: `GRANT ${privilege} ON DATABASE ${quoted} TO ${identifiers(missing)}`,
        why: reasons[privilege],
      });
    }
    // Logins of test runs reach test databases only, whoever let them in here.
    const withdrawn = [...declared, ...acl.map((entry) => entry.grantee).filter(isTestLogin)]
      .filter((role, index, all) => all.indexOf(role) === index)
      .filter((role) => has(role, privilege) && !wanted[privilege].includes(role));
    if (withdrawn.length > 0) {
      statements.push({
        sql: `REVOKE ${privilege} ON DATABASE ${quoted} FROM ${identifiers(withdrawn)}${cascade(acl, withdrawn, [privilege])}`,
        why: withdrawn.some(isTestLogin)
          ? 'Logins of test runs may reach test databases only.'
          : 'No longer part of the declared grant.',
      });
    }
  }
  if (!found?.allowsConnections) {
    statements.push({
      sql: `ALTER DATABASE ${quoted} ALLOW_CONNECTIONS true`,
      why: 'Created closed; now only the declared logins get in.',
    });
  }
  return { title: `access to ${name}`, database: 'postgres', transaction: true, guarded: false, statements };
}

function isTestLogin(role: string): boolean {
  return role.startsWith(testPrefix);
}

const privileges = ['CONNECT', 'TEMPORARY', 'CREATE'] as const;
const reasons: Readonly<Record<DatabasePrivilege, string>> = {
  CONNECT: 'The declared logins connect, and the master to see to the database.',
  TEMPORARY: 'Logins that write may use temporary tables.',
  CREATE: 'Declared: may create schemas.',
};

/** What CREATE DATABASE leaves in `datacl` (null, i.e. these). */
const publicDefaults: readonly AclEntry[] = [
  { grantee: everybody, privilege: 'CONNECT' },
  { grantee: everybody, privilege: 'TEMPORARY' },
];
