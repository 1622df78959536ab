import { quoteIdentifier } from '@postern/test-databases/server';
import type { ManifestDatabase, ManifestRole } from '../contract/manifest.ts';
import type { InnerCatalog } from './catalog.ts';
import { conflict } from './roles.ts';
import { identifiers, type PlanGroup, type Statement } from './statement.ts';

const kinds = { r: 'TABLES', S: 'SEQUENCES' } as const;

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
    } else if (found.owner !== owner && schema !== 'public') {
      throw conflict(
        `schema "${schema}" of database "${database.name}" belongs to "${found.owner}"`,
        `Run ALTER SCHEMA ${quoteIdentifier(schema)} OWNER TO ${quoteIdentifier(owner)} as its owner.`,
      );
    }
    if (schema === 'public') statements.push(...openPublic(catalog, owner));
  }
  for (const extension of database.extensions) {
    if (catalog.extensions.includes(extension)) continue;
    statements.push({
      // template1 of this server may have brought it along.
      sql: `CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(extension)}`,
      why: 'Declared extension.',
    });
  }
  for (const schema of database.schemas) {
    const usage = database.roles
      .map((role) => role.name)
      .filter(
        (role) =>
          !catalog.schemas
            .find((candidate) => candidate.name === schema)
            ?.acl.some((entry) => entry.grantee === role && entry.privilege === 'USAGE'),
      );
    if (usage.length > 0) {
      statements.push({
        sql: `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${identifiers(usage)}`,
        why: 'Without USAGE no object of the schema can be reached.',
      });
    }
    for (const role of database.roles) statements.push(...grants(schema, role, owner, catalog));
  }
  return {
    title: `inside ${database.name}`,
    database: database.name,
    transaction: true,
    guarded: false,
    statements,
  };
}

/**
 * `public` belongs to pg_database_owner since PostgreSQL 15. In a database that an older server made it may
 * belong to somebody else and be closed to the owner.
 */
function openPublic(catalog: InnerCatalog, owner: string): Statement[] {
  const found = catalog.schemas.find((candidate) => candidate.name === 'public');
  if (!found || found.owner === 'pg_database_owner' || found.owner === owner) return [];
  const has = (privilege: string): boolean =>
    found.acl.some(
      (entry) => (entry.grantee === owner || entry.grantee === 'PUBLIC') && entry.privilege === privilege,
    );
  if (has('CREATE') && has('USAGE')) return [];
  return [
    {
      sql: `GRANT ALL ON SCHEMA "public" TO ${quoteIdentifier(owner)}`,
      why: 'An upgraded database: schema public does not belong to the database owner.',
    },
  ];
}

function grants(schema: string, role: ManifestRole, owner: string, catalog: InnerCatalog): Statement[] {
  const statements: Statement[] = [];
  const inSchema = `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(owner)} IN SCHEMA ${quoteIdentifier(schema)}`;
  const grantee = quoteIdentifier(role.name);
  for (const type of ['r', 'S'] as const) {
    const wanted = type === 'r' ? role.privileges.tables : role.privileges.sequences;
    const held = catalog.defaults
      .filter((entry) => entry.schema === schema && entry.type === type && entry.grantee === role.name)
      .map((entry) => entry.privilege);
    const existing = catalog.relations
      .filter((relation) => relation.schema === schema && relation.type === type)
      .map((relation) => `${quoteIdentifier(schema)}.${quoteIdentifier(relation.name)}`)
      .join(', ');
    const on = `${type === 'S' ? 'SEQUENCE' : 'TABLE'} ${existing}`;
    const change = (verb: 'GRANT' | 'REVOKE', list: readonly string[], why: string): void => {
      if (list.length === 0) return;
      const to = verb === 'GRANT' ? 'TO' : 'FROM';
      statements.push({
        sql: `${inSchema} ${verb} ${list.join(', ')} ON ${kinds[type]} ${to} ${grantee}`,
        why,
      });
      if (existing) statements.push({ sql: `${verb} ${list.join(', ')} ON ${on} ${to} ${grantee}`, why });
    };
    change(
      'GRANT',
      wanted.filter((privilege) => !held.includes(privilege)),
      `"${role.name}" is ${role.intent}.`,
    );
    change(
      'REVOKE',
      held.filter((privilege) => !wanted.includes(privilege)),
      `"${role.name}" is only ${role.intent}.`,
    );
  }
  return statements;
}
