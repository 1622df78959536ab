import type { SqlClient } from '@postern/test-databases/server';
import { granteeSql } from './catalog.ts';
import {
  freeSequenceSql,
  freeTypeSql,
  type ObjectKind,
  ownSql,
  relationKeywordSql,
  routineSql,
} from './inner-catalog.ts';

/** Names that an answer lists of objects which have the same to be said of them. */
const listedNames = 100;

/** Objects of one kind in one schema. */
interface Objects {
  readonly schema: string;
  /** As in `ALTER … OWNER TO`: TABLE, VIEW, SEQUENCE, ROUTINE, TYPE … */
  readonly keyword: string;
  /** Quoted, at most {@link listedNames}. */
  readonly names: readonly string[];
  readonly count: number;
}

/** What is in one database beyond its declaration. */
export interface DriftCatalog {
  /** Schemas that nobody declared, of somebody who is neither owner nor master. */
  readonly schemas: readonly { readonly name: string; readonly owner: string }[];
  /** Objects of declared schemas that belong to somebody else, all of them. */
  readonly owners: readonly {
    readonly owner: string;
    readonly superuser: boolean;
    readonly schema: string;
    /** `t`: types. */
    readonly kind: ObjectKind | 't';
    readonly keyword: string;
    /** False: sequences of columns, whose owner follows their table's. */
    readonly free: boolean;
    readonly names: readonly string[];
  }[];
  /**
   * Grants on objects of declared schemas to others than their owner. A `*` behind a privilege is the right to hand it on.
   * `columns`: on columns, not on the whole table.
   */
  readonly grants: readonly (Objects & {
    readonly kind: ObjectKind;
    readonly grantee: string;
    readonly privileges: readonly string[];
    readonly columns: boolean;
  })[];
  /** Default privileges of the owner anywhere, of others in declared schemas. */
  readonly defaults: readonly {
    readonly role: string;
    readonly schema: string | null;
    readonly type: string;
    readonly grantee: string;
    readonly privileges: readonly string[];
  }[];
}

/** Constructors of range types are internal to them and belong to the bootstrap superuser, whoever makes the type. */
const constructorSql = `EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid
  AND i.refclassid = 'pg_type'::regclass AND i.deptype = 'i')`;

const names = `(array_agg(name ORDER BY name))[1:${listedNames}]`;

/** Reads all of it in one query, whatever the number of roles and objects. */
export async function readBeyond(
  session: SqlClient,
  owner: string,
  schemas: readonly string[],
): Promise<DriftCatalog> {
  const { rows } = await session.query(
    `WITH declared AS (SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname = ANY ($2::text[])),
     owner AS (SELECT r.oid FROM pg_roles r WHERE r.rolname = $1),
     things AS (
       SELECT n.nspname AS schema, CASE c.relkind WHEN 'S' THEN 'S' WHEN 'c' THEN 't' ELSE 'r' END AS kind, ${relationKeywordSql} AS keyword,
           format('%I.%I', n.nspname, c.relname) AS name, c.relowner AS owner, c.relacl AS acl, ${freeSequenceSql} AS free
         FROM pg_class c JOIN declared n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND ${ownSql('pg_class', 'c.oid')}
       UNION ALL
       SELECT n.nspname, 'f', 'ROUTINE', ${routineSql}, p.proowner, p.proacl, true
         FROM pg_proc p JOIN declared n ON n.oid = p.pronamespace
         WHERE ${ownSql('pg_proc', 'p.oid')} AND NOT ${constructorSql}
       UNION ALL
       SELECT n.nspname, 't', 'TYPE', format('%I.%I', n.nspname, t.typname), t.typowner, NULL, true
         FROM pg_type t JOIN declared n ON n.oid = t.typnamespace WHERE ${freeTypeSql} AND ${ownSql('pg_type', 't.oid')}),
     granted AS (
       SELECT t.schema, t.kind, t.keyword, t.name, ${granteeSql} AS grantee, false AS columns,
           array_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END ORDER BY a.privilege_type) AS privileges
         FROM things t, aclexplode(t.acl) a
         WHERE a.grantee <> t.owner AND a.grantee NOT IN (SELECT oid FROM owner) AND NOT (t.kind = 'f' AND a.grantee = 0)
         GROUP BY t.schema, t.kind, t.keyword, t.name, a.grantee
       UNION ALL
       SELECT n.nspname, 'r', 'TABLE', format('%I.%I', n.nspname, c.relname), ${granteeSql}, true,
           array_agg(DISTINCT format('%s (%I)', a.privilege_type, at.attname))
         FROM pg_attribute at JOIN pg_class c ON c.oid = at.attrelid JOIN declared n ON n.oid = c.relnamespace,
           aclexplode(at.attacl) a
         WHERE at.attacl IS NOT NULL AND a.grantee <> c.relowner AND ${ownSql('pg_class', 'c.oid')}
         GROUP BY n.nspname, c.relname, a.grantee)
     SELECT json_build_object(
      'schemas', coalesce((SELECT json_agg(json_build_object('name', n.nspname, 'owner', pg_get_userbyid(n.nspowner)) ORDER BY n.nspname)
        FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($2::text[])
          AND n.nspname <> 'public' AND pg_get_userbyid(n.nspowner) NOT IN ($1, session_user)
          AND ${ownSql('pg_namespace', 'n.oid')}), '[]'),
      'owners', coalesce((SELECT json_agg(o) FROM (
        SELECT pg_get_userbyid(t.owner) AS owner, coalesce(bool_or(r.rolsuper), false) AS superuser, t.schema, t.kind, t.keyword,
            t.free, array_agg(t.name ORDER BY t.name) AS names
          FROM things t LEFT JOIN pg_roles r ON r.oid = t.owner
          WHERE pg_get_userbyid(t.owner) NOT IN ($1, session_user)
          GROUP BY t.owner, t.schema, t.kind, t.keyword, t.free ORDER BY 1, 3, 4, 5) o), '[]'),
      'grants', coalesce((SELECT json_agg(g) FROM (
        SELECT schema, kind, keyword, grantee, privileges, columns, ${names} AS names, count(*)::int AS count
          FROM granted GROUP BY schema, kind, keyword, grantee, privileges, columns ORDER BY 1, 3, 4, 5) g), '[]'),
      'defaults', coalesce((SELECT json_agg(d) FROM (
        SELECT pg_get_userbyid(d.defaclrole) AS role, n.nspname AS schema, d.defaclobjtype AS type, ${granteeSql} AS grantee,
            array_agg(a.privilege_type ORDER BY a.privilege_type) AS privileges
          FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
          WHERE a.grantee <> d.defaclrole
            AND (pg_get_userbyid(d.defaclrole) = $1 OR n.nspname = ANY ($2::text[]))
            AND NOT (d.defaclnamespace = 0 AND a.grantee = 0 AND d.defaclobjtype IN ('f', 'T'))
          GROUP BY d.defaclrole, n.nspname, d.defaclobjtype, a.grantee ORDER BY 1, 2, 3, 4) d), '[]')
    ) AS catalog`,
    [owner, schemas],
  );
  return rows[0].catalog;
}
