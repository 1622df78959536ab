import { quoteIdentifier } from '@postern/test-databases/server';
import type { ManifestDatabase, ManifestRole } from '../contract/manifest.ts';
import { cascade, everybody, isFrom } from './catalog.ts';
import { conflict } from './conflict.ts';
import type { CatalogSchema, InnerCatalog, ObjectKind } from './inner-catalog.ts';
import { briefLockTimeoutMs, identifiers, type PlanGroup, type Statement } from './statement.ts';

export const kinds = {
  r: { many: 'TABLES', one: 'TABLE', privileges: 'tables' },
  S: { many: 'SEQUENCES', one: 'SEQUENCE', privileges: 'sequences' },
  f: { many: 'FUNCTIONS', one: 'ROUTINE', privileges: 'functions' },
} as const;

/** What can be declared; other default privileges of a declared role (MAINTAIN) are drift, not ours to withdraw. */
const declarable: Readonly<Record<ObjectKind, readonly string[]>> = {
  r: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'],
  S: ['USAGE', 'SELECT', 'UPDATE'],
  f: ['EXECUTE'],
};

/** Whether a default privilege on objects of a kind can be part of a declaration. */
export function isDeclarable(kind: string, privilege: string): boolean {
  return kind in declarable && declarable[kind as ObjectKind].includes(privilege);
}

/** What a role is to have in a schema, object kind by object kind; nothing where its grant is not for the schema. */
export function privilegesIn(
  role: ManifestRole,
  schema: string,
  kind: ObjectKind | 'schema',
): readonly string[] {
  const { privileges } = role;
  if (!privileges.schemas.includes(schema)) return [];
  return kind === 'schema' ? privileges.schema : privileges[kinds[kind].privileges];
}

/**
 * What the master made in the declared schemas, perhaps before there was a declaration, goes to the owner: migrations run
 * as the owner could not change it otherwise.
 */
export function planTakeOver(database: ManifestDatabase, catalog: InnerCatalog): PlanGroup[] {
  const grants = grantsOnTaken(database, catalog);
  return catalog.takeOver.map(({ keyword, name }) => ({
    title: `ownership in ${database.name}`,
    database: database.name,
    // Each object for itself: thousands of locks at once are more than a server has room for, and held by one that waits for
    // another they stop the service.
    transaction: true,
    guarded: false,
    lockTimeoutMs: briefLockTimeoutMs,
    patient: name,
    statements: [
      {
        sql: `ALTER ${keyword} ${name} OWNER TO ${quoteIdentifier(database.owner)}`,
        why: 'Created by the master; the owner role takes over, so that migrations can change it.',
      },
      ...(grants.get(name) ?? []),
    ],
  }));
}

/** What is taken over only now has no grants by the default privileges that are there already. */
function grantsOnTaken(database: ManifestDatabase, catalog: InnerCatalog): ReadonlyMap<string, Statement[]> {
  const grants = new Map<string, Statement[]>();
  for (const { schema, kind, name, takenWith } of objectsOf(catalog)) {
    if (!takenWith) continue;
    for (const role of database.roles) {
      const held = defaultsOf(role.name, schema, kind, catalog);
      const covered = privilegesIn(role, schema, kind).filter((privilege) => held.includes(privilege));
      if (covered.length === 0) continue;
      const list = grants.get(takenWith) ?? [];
      grants.set(takenWith, list);
      list.push({
        sql: `GRANT ${covered.join(', ')} ON ${kinds[kind].one} ${name} TO ${quoteIdentifier(role.name)}`,
        why: `As if the owner had made it: "${role.name}" is ${role.intent}.`,
      });
    }
  }
  return grants;
}

/**
 * Schemas, extensions and the grants of the declared roles inside a database.
 *
 * Grants on what exists are made only together with the default privilege that covers what will exist. Where
 * the default is in place already, migrations have the last word: a REVOKE in a migration is not undone.
 */
export function planInside(
  database: ManifestDatabase,
  catalog: InnerCatalog,
  owner: string = database.owner,
): PlanGroup {
  const statements: Statement[] = [];
  for (const schema of database.schemas) {
    const found = catalog.schemas.find((candidate) => candidate.name === schema);
    if (!found) {
      statements.push({
        sql: `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)} AUTHORIZATION ${quoteIdentifier(owner)}`,
        why: 'Declared, and not there yet.',
      });
    } else if (found.owner !== owner && schema !== 'public' && !isTakenOver(schema, catalog)) {
      throw conflict(
        `schema "${schema}" of database "${database.name}" belongs to "${found.owner}"`,
        `Run ALTER SCHEMA ${quoteIdentifier(schema)} OWNER TO ${quoteIdentifier(owner)} as its owner.`,
      );
    }
  }
  statements.push(...correctPublic(database, catalog, owner));
  const place = quoteIdentifier(schemaOfExtensions(database, catalog));
  for (const extension of database.extensions) {
    if (catalog.extensions.includes(extension)) continue;
    statements.push({
      // IF NOT EXISTS: template1 of this server may have brought it along. Not SCHEMA: some extensions insist on one of their own.
      sql: `SET LOCAL search_path = ${place}; CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(extension)}; SET LOCAL search_path = pg_catalog`,
      why: 'Declared extension.',
    });
  }
  for (const schema of database.schemas) {
    statements.push(...schemaGrants(schema, database, catalog));
    for (const role of database.roles) statements.push(...objectGrants(schema, role, owner, catalog));
  }
  return {
    title: `inside ${database.name}`,
    database: database.name,
    transaction: true,
    guarded: false,
    statements,
  };
}

/** Where an extension goes that has no place of its own: the first schema of the declared search path, or public. */
function schemaOfExtensions({ options, schemas }: ManifestDatabase, catalog: InnerCatalog): string {
  const there = new Set([...schemas, ...catalog.schemas.map(({ name }) => name)]);
  const path = String(options.settings['search_path'] ?? '')
    .split(',')
    .map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
  return [...path, 'public', ...schemas].find((name) => there.has(name)) ?? 'public';
}

function isTakenOver(schema: string, catalog: InnerCatalog): boolean {
  return catalog.takeOver.some(
    ({ keyword, name }) => keyword === 'SCHEMA' && name.replaceAll('"', '') === schema,
  );
}

/**
 * `public` belongs to pg_database_owner and is closed to PUBLIC since PostgreSQL 15. In a database that an older server
 * made it may belong to somebody else, be open to everybody and closed to the owner.
 */
function correctPublic(database: ManifestDatabase, catalog: InnerCatalog, owner: string): Statement[] {
  const found = catalog.schemas.find((candidate) => candidate.name === 'public');
  if (!found) return [];
  const statements: Statement[] = [];
  if (found.ours && holds(found, everybody, 'CREATE', found.actor)) {
    statements.push({
      sql: 'REVOKE CREATE ON SCHEMA "public" FROM PUBLIC',
      why: 'As PostgreSQL 15 and later make it: whoever may create objects there can put theirs in the way of others.',
    });
  }
  const takenOver =
    found.owner === 'pg_database_owner' || found.owner === owner || isTakenOver('public', catalog);
  if (!database.schemas.includes('public') || takenOver) return statements;
  const missing = (['USAGE', 'CREATE'] as const).filter((privilege) => !reached(found, owner, privilege));
  if (missing.length > 0) {
    requireGrantable(found, missing, [owner], database.name);
    statements.push({
      sql: `GRANT ${missing.join(', ')} ON SCHEMA "public" TO ${quoteIdentifier(owner)}`,
      why: 'An upgraded database: schema public does not belong to the database owner.',
    });
  }
  return statements;
}

/** Whether the grantee has it, be it as everybody has where that is not for us to change. */
function reached(schema: CatalogSchema | undefined, grantee: string, privilege: string): boolean {
  if (schema?.ours === false) return holds(schema, grantee, privilege) || holds(schema, everybody, privilege);
  // What others granted may go with their own right, or with our REVOKE of that.
  return holds(schema, grantee, privilege, schema?.actor);
}

/** PostgreSQL would only warn of a grant that is not ours to make, and the next plan would ask for it again. */
function requireGrantable(
  schema: CatalogSchema | undefined,
  privileges: readonly string[],
  grantees: readonly string[],
  database: string,
): void {
  if (!schema || schema.ours || privileges.every((privilege) => schema.grantable.includes(privilege))) return;
  const name = quoteIdentifier(schema.name);
  throw conflict(
    `schema "${schema.name}" of database "${database}" belongs to "${schema.owner}", and the master may not grant ${privileges.join(', ')} on it`,
    `Run GRANT ${privileges.join(', ')} ON SCHEMA ${name} TO ${identifiers(grantees)} there as "${schema.owner}", or declare other schemas, then apply again.`,
  );
}

/** `from`: only when it was granted in the name of that role. */
function holds(
  schema: CatalogSchema | undefined,
  grantee: string,
  privilege: string,
  from?: string,
): boolean {
  const entries = schema?.acl.filter((entry) => entry.grantee === grantee && entry.privilege === privilege);
  return entries?.some((entry) => from === undefined || isFrom(entry, from)) ?? false;
}

function schemaGrants(
  schema: string,
  { name: database, roles }: ManifestDatabase,
  catalog: InnerCatalog,
): Statement[] {
  const found = catalog.schemas.find((candidate) => candidate.name === schema);
  const quoted = quoteIdentifier(schema);
  const statements: Statement[] = [];
  for (const privilege of ['USAGE', 'CREATE'] as const) {
    const wants = (role: ManifestRole): boolean => privilegesIn(role, schema, 'schema').includes(privilege);
    const missing = roles.filter((role) => wants(role) && !reached(found, role.name, privilege));
    const extra = roles.filter((role) => !wants(role) && holds(found, role.name, privilege, found?.actor));
    if (missing.length > 0) {
      requireGrantable(
        found,
        [privilege],
        missing.map(({ name }) => name),
        database,
      );
      statements.push({
        sql: `GRANT ${privilege} ON SCHEMA ${quoted} TO ${identifiers(missing.map(({ name }) => name))}`,
        why:
          privilege === 'USAGE'
            ? 'Without USAGE no object of the schema can be reached.'
            : 'Declared: may create objects in the schema.',
      });
    }
    if (extra.length > 0) {
      const withdrawn = extra.map(({ name }) => name);
      statements.push({
        sql: `REVOKE ${privilege} ON SCHEMA ${quoted} FROM ${identifiers(withdrawn)}${cascade(found?.acl ?? [], withdrawn, [privilege])}`,
        why: 'No longer part of the declared grant.',
      });
    }
  }
  return statements;
}

function objectGrants(schema: string, role: ManifestRole, owner: string, catalog: InnerCatalog): Statement[] {
  const statements: Statement[] = [];
  const inSchema = `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(owner)} IN SCHEMA ${quoteIdentifier(schema)}`;
  const grantee = quoteIdentifier(role.name);
  for (const kind of ['r', 'S', 'f'] as const) {
    const wanted = privilegesIn(role, schema, kind);
    const held = defaultsOf(role.name, schema, kind, catalog);
    const existing = objectsOf(catalog)
      .filter((found) => found.schema === schema && found.kind === kind)
      .map(({ name }) => name)
      .join(', ');
    const change = (verb: 'GRANT' | 'REVOKE', list: readonly string[], why: string): void => {
      if (list.length === 0) return;
      const to = verb === 'GRANT' ? 'TO' : 'FROM';
      const what = `${verb} ${list.join(', ')} ON`;
      statements.push({ sql: `${inSchema} ${what} ${kinds[kind].many} ${to} ${grantee}`, why });
      if (existing) statements.push({ sql: `${what} ${kinds[kind].one} ${existing} ${to} ${grantee}`, why });
    };
    const missing = wanted.filter((privilege) => !held.includes(privilege));
    const extra = held.filter((privilege) => !wanted.includes(privilege) && isDeclarable(kind, privilege));
    change('GRANT', missing, `"${role.name}" is ${role.intent}.`);
    change(
      'REVOKE',
      extra,
      role.privileges.schemas.includes(schema)
        ? `"${role.name}" is only ${role.intent}.`
        : `The grant of "${role.name}" is not for this schema.`,
    );
  }
  return statements;
}

function defaultsOf(grantee: string, schema: string, kind: ObjectKind, catalog: InnerCatalog): string[] {
  return catalog.defaults
    .filter((entry) => entry.schema === schema && entry.type === kind && entry.grantee === grantee)
    .map((entry) => entry.privilege);
}

interface FoundObject {
  readonly schema: string;
  readonly kind: ObjectKind;
  /** Quoted. */
  readonly name: string;
  readonly takenWith?: string | null;
}

function objectsOf({ relations, routines }: InnerCatalog): FoundObject[] {
  return [
    ...relations.map(({ name, type, ...relation }) => ({
      ...relation,
      kind: type,
      name: `${quoteIdentifier(relation.schema)}.${quoteIdentifier(name)}`,
    })),
    ...routines.map((routine) => ({ ...routine, kind: 'f' as const })),
  ];
}
