import { quoteIdentifier } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { DriftItem } from '../contract/response.ts';
import {
  type AclEntry,
  type CatalogDatabase,
  type ClusterCatalog,
  cascade,
  everybody,
  isFrom,
} from './catalog.ts';
import type { DriftCatalog } from './drift-catalog.ts';
import { driftOfOwners } from './drift-owners.ts';
import { settingOf } from './drift-roles.ts';
import type { InnerCatalog } from './inner-catalog.ts';
import { isDeclarable, privilegesIn } from './inside.ts';
import { compareSettings, settingName } from './settings.ts';

/** Settings and grants of the database as a whole. */
export function driftOfDatabase(
  database: ManifestDatabase,
  found: CatalogDatabase,
  cluster: ClusterCatalog,
): DriftItem[] {
  const { name, owner, options } = database;
  const object = `database "${name}"`;
  const quoted = quoteIdentifier(name);
  const settings = compareSettings(found.settings, options.settings).extra.map(
    (setting): DriftItem => ({
      kind: 'setting',
      database: name,
      object,
      found: settingOf(found.settings, setting),
      prunable: false,
      sql: `ALTER DATABASE ${quoted} RESET ${settingName(setting)}`,
    }),
  );
  const usual = [everybody, owner, cluster.master];
  return [
    ...settings,
    ...grantsBeyond(database, object, `DATABASE ${quoted}`, found.acl, usual, [found.owner]),
  ];
}

/** Grants on the declared schemas, owners and grants of what is in them, default privileges. */
export function driftInside(
  database: ManifestDatabase,
  inner: InnerCatalog,
  more: DriftCatalog,
  cluster: ClusterCatalog,
): DriftItem[] {
  return [
    ...driftOfSchemas(database, inner, more, cluster),
    ...driftOfOwners(database, more, cluster),
    ...inner.left.map(
      ({ keyword, name, reason }): DriftItem => ({
        kind: 'owner',
        database: database.name,
        object: `${keyword.toLowerCase()} ${name}`,
        found: `belongs to "${cluster.master}" and is not taken over: ${reason}, which may not work with the rights of "${database.owner}". Give the owner what it needs and run ALTER ${keyword} ${name} OWNER TO ${quoteIdentifier(database.owner)}`,
        prunable: false,
      }),
    ),
    ...driftOfGrants(database, more),
    ...driftOfDefaults(database, more),
  ];
}

function driftOfSchemas(
  database: ManifestDatabase,
  inner: InnerCatalog,
  more: DriftCatalog,
  cluster: ClusterCatalog,
): DriftItem[] {
  const items: DriftItem[] = [];
  const { owner } = database;
  for (const schema of inner.schemas) {
    const object = `schema ${quoteIdentifier(schema.name)}`;
    const usual = [owner, cluster.master, 'pg_database_owner', schema.owner];
    if (schema.name === 'public' && !usual.slice(0, 3).includes(schema.owner)) {
      items.push(wrongOwner(database.name, object, schema.owner));
    }
    const acl = schema.acl.filter(
      // Everybody may look into public; that nobody may create there is the plan's, as far as it can.
      (entry) =>
        !(
          schema.name === 'public' &&
          entry.grantee === everybody &&
          isFrom(entry, schema.owner) &&
          (entry.privilege === 'USAGE' || schema.ours)
        ),
    );
    const target = `SCHEMA ${quoteIdentifier(schema.name)}`;
    items.push(...grantsBeyond(database, object, target, acl, usual, [schema.owner, schema.actor]));
  }
  for (const { name, owner: other } of more.schemas) {
    items.push(wrongOwner(database.name, `schema ${quoteIdentifier(name)}`, other, 'nobody declared it'));
  }
  return items;
}

function driftOfGrants(database: ManifestDatabase, more: DriftCatalog): DriftItem[] {
  return more.grants.flatMap(({ grantee, privileges, kind, columns, ...objects }): DriftItem[] => {
    const role = database.roles.find(({ name }) => name === grantee);
    const wanted = role ? privilegesIn(role, objects.schema, kind) : [];
    const plain = privileges.map((privilege) => privilege.replace('*', ''));
    const beyond = plain.filter((privilege) => !wanted.includes(privilege));
    const handedOn = plain.filter(
      (privilege) => privileges.includes(`${privilege}*`) && wanted.includes(privilege),
    );
    const what = objects.keyword === 'SEQUENCE' || objects.keyword === 'ROUTINE' ? objects.keyword : 'TABLE';
    const item = (list: readonly string[], has: string, revoke: string): DriftItem => ({
      kind: 'grant',
      database: database.name,
      object: describe(objects),
      found: `${named(grantee)} ${has} ${list.join(', ')}${columns ? ' on columns' : ''}; a migration may have granted it`,
      prunable: false,
      ...(objects.names.length === objects.count
        ? {
            sql: `${revoke} ${list.join(', ')} ON ${what} ${objects.names.join(', ')} FROM ${granteeOf(grantee)}`,
          }
        : {}),
    });
    return [
      ...(beyond.length > 0 ? [item(beyond, role ? 'beyond its declared grant has' : 'has', 'REVOKE')] : []),
      ...(handedOn.length > 0 ? [item(handedOn, 'may hand on', 'REVOKE GRANT OPTION FOR')] : []),
    ];
  });
}

const defaultKinds: Readonly<Record<string, string>> = {
  r: 'TABLES',
  S: 'SEQUENCES',
  f: 'FUNCTIONS',
  T: 'TYPES',
  n: 'SCHEMAS',
  L: 'LARGE OBJECTS',
};

function driftOfDefaults(database: ManifestDatabase, more: DriftCatalog): DriftItem[] {
  const declared = new Set(database.roles.map(({ name }) => name));
  return more.defaults.flatMap(({ role, schema, type, grantee, privileges }): DriftItem[] => {
    // What the plan takes away.
    const planned =
      role === database.owner &&
      schema !== null &&
      database.schemas.includes(schema) &&
      declared.has(grantee);
    const left = planned ? privileges.filter((privilege) => !isDeclarable(type, privilege)) : privileges;
    if (left.length === 0) return [];
    const kind = defaultKinds[type] ?? type;
    const where = schema === null ? '' : ` IN SCHEMA ${quoteIdentifier(schema)}`;
    return [
      {
        kind: 'grant',
        database: database.name,
        object: `default privileges of "${role}"${schema === null ? '' : ` in schema ${quoteIdentifier(schema)}`}`,
        found: `${named(grantee)} gets ${left.join(', ')} on new ${kind.toLowerCase()}`,
        prunable: false,
        sql: `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(role)}${where} REVOKE ${left.join(', ')} ON ${kind} FROM ${granteeOf(grantee)}`,
      },
    ];
  });
}

/**
 * Grants in an ACL that neither the usual grantees nor the declared roles have; of the latter only the right to hand on. And, of all
 * but the usual roles, what somebody else granted than `from`, the owner first.
 */
function grantsBeyond(
  database: ManifestDatabase,
  object: string,
  target: string,
  acl: readonly AclEntry[],
  usual: readonly string[],
  from: readonly [string, ...string[]],
): DriftItem[] {
  const declared = new Set([database.migrator, ...database.roles.map(({ name }) => name)]);
  const items: DriftItem[] = [];
  const add = (found: string, sql?: string): void => {
    const item = { kind: 'grant', database: database.name, object, found, prunable: false } as const;
    items.push(sql === undefined ? item : { ...item, sql });
  };
  for (const grantee of new Set(acl.map((entry) => entry.grantee))) {
    if (usual.includes(grantee) && grantee !== everybody) continue;
    const [who, whom, known] = [named(grantee), granteeOf(grantee), declared.has(grantee)];
    const entries = acl.filter((entry) => entry.grantee === grantee);
    const ours = entries.filter(
      (entry) => from.some((role) => isFrom(entry, role)) && (!known || entry.grantable),
    );
    if (ours.length > 0 && !usual.includes(grantee)) {
      const list = ours.map(({ privilege }) => privilege).sort();
      const revoke = known ? 'REVOKE GRANT OPTION FOR' : 'REVOKE';
      add(
        `${who} ${known ? 'may hand on' : 'has'} ${list.join(', ')}`,
        `${revoke} ${list.join(', ')} ON ${target} FROM ${whom}${cascade(acl, [grantee], list)}`,
      );
    }
    for (const { privilege, grantor } of entries) {
      if (grantor === undefined || from.includes(grantor)) continue;
      const root = firstGrantee(acl, grantor, privilege, from[0]);
      add(
        `${who} has ${privilege}, granted by "${grantor}"`,
        root && `REVOKE GRANT OPTION FOR ${privilege} ON ${target} FROM ${granteeOf(root)} CASCADE`,
      );
    }
  }
  return items;
}

/** Who handed a privilege on to `grantor`, and so on, up to the one who has it from the owner. */
function firstGrantee(
  acl: readonly AclEntry[],
  grantor: string,
  privilege: string,
  owner: string,
): string | undefined {
  const seen = new Set<string>();
  for (let role: string | undefined = grantor; role !== undefined && !seen.has(role); ) {
    seen.add(role);
    const above: AclEntry | undefined = acl.find(
      (entry) => entry.grantee === role && entry.privilege === privilege && entry.grantable,
    );
    if (above && isFrom(above, owner)) return role;
    role = above?.grantor;
  }
  return undefined;
}

function wrongOwner(database: string, object: string, owner: string, more?: string): DriftItem {
  const found = `belongs to "${owner}"${more ? `; ${more}` : ''}`;
  return { kind: 'owner', database, object, found, prunable: false };
}

function describe(objects: {
  schema: string;
  keyword: string;
  names: readonly string[];
  count: number;
}): string {
  const kind = objects.keyword.toLowerCase();
  if (objects.count === 1) return `${kind} ${objects.names[0]}`;
  const shown = objects.names.slice(0, 5).join(', ');
  return `${objects.count} ${kind}s of schema ${quoteIdentifier(objects.schema)}: ${shown}${objects.count > 5 ? ', …' : ''}`;
}

function named(grantee: string): string {
  return grantee === everybody ? 'everybody (PUBLIC)' : `"${grantee}"`;
}

function granteeOf(grantee: string): string {
  return grantee === everybody ? 'PUBLIC' : quoteIdentifier(grantee);
}
