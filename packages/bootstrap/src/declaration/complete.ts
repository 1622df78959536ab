import type { ManifestDatabase, ManifestPrivileges, ManifestRole } from '../contract/manifest.ts';
import type { CustomPrivileges, DatabaseDeclaration, Grant, Intent, RoleDeclaration } from './declaration.ts';
import { migratorOf, ownerOf } from './names.ts';

type Completed = Pick<
  ManifestDatabase,
  'name' | 'owner' | 'migrator' | 'options' | 'roles' | 'schemas' | 'extensions'
>;

/** A valid declaration with every default filled in and every intent spelt out. Keys and lists have a fixed order: it is hashed. */
export function completeDeclaration(declaration: DatabaseDeclaration): Completed {
  const { name, encoding, locale } = declaration;
  const schemas = sorted(declaration.schemas ?? ['public']);
  return {
    name,
    owner: declaration.owner ?? ownerOf(name),
    migrator: migratorOf(name),
    options: {
      ...(encoding === undefined ? {} : { encoding: encoding.toUpperCase() }),
      ...(locale === undefined ? {} : { locale: { provider: locale.provider ?? 'libc', name: locale.name } }),
      connectionLimit: declaration.connectionLimit ?? -1,
      settings: settingsOf(declaration.settings),
    },
    roles: Object.entries(declaration.roles ?? {})
      .sort(byKey)
      .map(([role, declared]) => completeRole(role, declared, schemas)),
    schemas,
    extensions: sorted(declaration.extensions ?? []),
  };
}

function completeRole(
  name: string,
  declared: Intent | RoleDeclaration,
  schemas: readonly string[],
): ManifestRole {
  const role: RoleDeclaration = typeof declared === 'string' ? { grant: declared } : declared;
  const login = role.login === false ? 'none' : (role.login ?? 'iam');
  return {
    name,
    login,
    connectionLimit: role.connectionLimit ?? -1,
    settings: settingsOf(role.settings),
    memberOf: sorted(role.memberOf ?? []),
    shared: role.shared ?? false,
    intent: role.grant === undefined ? 'none' : typeof role.grant === 'string' ? role.grant : 'custom',
    privileges: privilegesOf(role.grant, login !== 'none', schemas),
  };
}

/** What a grant means, privilege by privilege. */
function privilegesOf(
  grant: Grant | undefined,
  login: boolean,
  schemas: readonly string[],
): ManifestPrivileges {
  const connect = login ? ['CONNECT'] : [];
  if (grant === undefined) return { ...nothing, database: connect, schemas };
  if (typeof grant === 'object') return customPrivileges(grant.custom, connect, schemas);
  switch (grant) {
    case 'readwrite':
      return {
        database: [...connect, 'TEMPORARY'],
        schemas,
        schema: ['USAGE'],
        tables: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
        sequences: ['SELECT', 'USAGE', 'UPDATE'],
        functions: [],
      };
    case 'readonly':
      return {
        ...nothing,
        database: connect,
        schemas,
        schema: ['USAGE'],
        tables: ['SELECT'],
        sequences: ['SELECT'],
      };
    case 'migrator':
      return { ...nothing, database: [...connect, 'TEMPORARY'], schemas };
  }
}

const nothing = { schema: [], tables: [], sequences: [], functions: [] };

function customPrivileges(
  custom: CustomPrivileges,
  connect: readonly string[],
  schemas: readonly string[],
): ManifestPrivileges {
  return {
    database: [...connect, ...sorted(custom.database ?? [])],
    schemas: custom.in === undefined ? schemas : sorted(custom.in),
    schema: ['USAGE', ...(custom.schemas ?? [])],
    tables: sorted(custom.tables ?? []),
    sequences: sorted(custom.sequences ?? []),
    functions: sorted(custom.functions ?? []),
  };
}

function settingsOf(
  settings: Readonly<Record<string, string | number | boolean>> | undefined,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings ?? {})
      .sort(byKey)
      .map(([name, value]) => [name, typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)]),
  );
}

function sorted<T extends string>(list: readonly T[]): T[] {
  return [...list].sort();
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
