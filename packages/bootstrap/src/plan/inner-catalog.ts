import type { SqlClient } from '@postern/test-databases/server';
import { type AclEntry, aclSql, granteeSql } from './catalog.ts';

/** Kinds of objects that default privileges are declared for: tables and views, sequences, functions and procedures. */
export type ObjectKind = 'r' | 'S' | 'f';

export interface CatalogSchema {
  readonly name: string;
  readonly owner: string;
  readonly acl: readonly AclEntry[];
  /** Whether the master has the privileges of its owner, at the latest when apply has made it a member of the declared one. */
  readonly ours: boolean;
  /** In whose name its GRANT and REVOKE are: its owner's, or the master's. */
  readonly actor: string;
  /** What the master may grant otherwise. */
  readonly grantable: readonly string[];
}

/** What belongs to the master in the declared schemas, ready to be named in `ALTER <keyword> <name> OWNER TO`. */
interface ForeignObject {
  readonly keyword: string;
  /** Quoted, with schema, and arguments where it has any. */
  readonly name: string;
}

/** The parts of one database's catalogs that a plan depends on. */
export interface InnerCatalog {
  /** The declared ones, and `public`. */
  readonly schemas: readonly CatalogSchema[];
  readonly extensions: readonly string[];
  /** Default privileges of the owner in the declared schemas, exploded. */
  readonly defaults: readonly (AclEntry & { readonly schema: string; readonly type: string })[];
  /** Tables, views (`r`) and sequences (`S`) of the owner, or of the master and about to be taken over, in the declared schemas. */
  readonly relations: readonly {
    readonly schema: string;
    readonly name: string;
    readonly type: 'r' | 'S';
    /** Belongs to the master so far: the name in `takeOver` that it goes with, its table's for the sequence of a column. */
    readonly takenWith?: string | null;
  }[];
  /** Functions and procedures of the same owners. `name`: quoted, with schema and arguments. */
  readonly routines: readonly {
    readonly schema: string;
    readonly name: string;
    readonly takenWith?: string | null;
  }[];
  /** Belongs to the master; the owner takes over. */
  readonly takeOver: readonly ForeignObject[];
  /** Belongs to the master and stays: with the owner's rights it would no longer work. */
  readonly left: readonly (ForeignObject & { readonly reason: string })[];
}

/** A database that is about to be created. */
export const freshCatalog: InnerCatalog = {
  schemas: [
    {
      name: 'public',
      owner: 'pg_database_owner',
      acl: [],
      ours: true,
      actor: 'pg_database_owner',
      grantable: [],
    },
  ],
  extensions: ['plpgsql'],
  defaults: [],
  relations: [],
  routines: [],
  takeOver: [],
  left: [],
};

/** Not a member of an extension, whose script decides about it. `catalog`: where `oid` is from. */
export function ownSql(catalog: string, oid: string): string {
  return `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;
}

/** A sequence that belongs to a column follows its table. */
export const freeSequenceSql: string = `NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend o WHERE o.classid = 'pg_class'::regclass
  AND o.objid = c.oid AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')))`;

export const relationKeywordSql: string = `CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
  WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END`;

/** `schema.name(arguments)` of a row `p` of pg_proc in schema `n`; an aggregate is named by its plain argument types. */
export const routineSql: string = `format('%I.%I(%s)', n.nspname, p.proname,
  CASE p.prokind WHEN 'a' THEN oidvectortypes(p.proargtypes) ELSE pg_get_function_identity_arguments(p.oid) END)`;

/**
 * Views of the master (`left_views`, with the name of what they read) that read something which the owner could not: their rights are
 * those of whoever owns them, unless they are `security_invoker`. Views that read such views are among them.
 */
const leftViewsSql: string = `views AS (
       SELECT c.oid, d.refobjid AS reads FROM pg_class c JOIN mine ON mine.oid = c.relowner JOIN declared n ON n.oid = c.relnamespace
         JOIN pg_rewrite w ON w.ev_class = c.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
         WHERE c.relkind IN ('v', 'm') AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
           AND NOT coalesce(array_to_string(c.reloptions, ',') ~ 'security_invoker=(true|on|yes|1)', false)),
     left_views (oid, reads) AS (
       SELECT v.oid, v.reads FROM views v JOIN pg_class t ON t.oid = v.reads JOIN pg_namespace s ON s.oid = t.relnamespace
         WHERE s.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT (t.relnamespace IN (SELECT oid FROM declared) AND (
           pg_get_userbyid(t.relowner) = $1 OR (t.relowner IN (SELECT oid FROM mine) AND ${ownSql('pg_class', 't.oid')})
           OR EXISTS (SELECT FROM aclexplode(t.relacl) a WHERE a.grantee = 0 AND a.privilege_type = 'SELECT')))
       UNION SELECT v.oid, v.reads FROM views v JOIN left_views l ON l.oid = v.reads)`;

/** Types that stand alone: no row type of a table, no array, no multirange. */
export const freeTypeSql: string = `t.typtype IN ('b', 'd', 'e', 'r') AND NOT EXISTS (SELECT FROM pg_type el WHERE el.typarray = t.oid)`;

/** Reads the catalogs of the session's database in one query. */
export async function readInner(
  session: SqlClient,
  owner: string,
  schemas: readonly string[],
): Promise<InnerCatalog> {
  const { rows } = await session.query(
    `WITH RECURSIVE declared AS (SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname = ANY ($2::text[])),
     mine AS (SELECT r.oid, r.rolname FROM pg_roles r WHERE r.rolname = session_user AND r.rolname <> $1),
     hands AS (SELECT r.oid FROM pg_roles r WHERE r.rolname = $1 UNION SELECT oid FROM mine),
     ${leftViewsSql},
     taken AS (
       SELECT 1 AS step, 'SCHEMA' AS keyword, format('%I', n.nspname) AS name FROM pg_namespace n JOIN mine ON mine.oid = n.nspowner
         WHERE n.nspname = ANY ($2::text[])
       UNION ALL SELECT 2, ${relationKeywordSql}, format('%I.%I', n.nspname, c.relname)
         FROM pg_class c JOIN declared n ON n.oid = c.relnamespace JOIN mine ON mine.oid = c.relowner
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND ${freeSequenceSql} AND ${ownSql('pg_class', 'c.oid')}
           AND c.oid NOT IN (SELECT oid FROM left_views)
       UNION ALL SELECT 3, 'ROUTINE', ${routineSql}
         FROM pg_proc p JOIN declared n ON n.oid = p.pronamespace JOIN mine ON mine.oid = p.proowner
         WHERE NOT p.prosecdef AND ${ownSql('pg_proc', 'p.oid')}
       UNION ALL SELECT 4, 'TYPE', format('%I.%I', n.nspname, t.typname)
         FROM pg_type t JOIN declared n ON n.oid = t.typnamespace JOIN mine ON mine.oid = t.typowner
         WHERE ${freeTypeSql} AND ${ownSql('pg_type', 't.oid')})
     SELECT json_build_object(
      'schemas', coalesce((SELECT json_agg(json_build_object('name', n.nspname, 'owner', pg_get_userbyid(n.nspowner),
          'ours', o.ours, 'actor', CASE WHEN o.ours THEN pg_get_userbyid(n.nspowner) ELSE session_user END,
          'grantable', array_remove(ARRAY[CASE WHEN has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION') THEN 'USAGE' END,
            CASE WHEN has_schema_privilege(n.oid, 'CREATE WITH GRANT OPTION') THEN 'CREATE' END], NULL),
          'acl', ${aclSql} FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a), '[]')))
        FROM pg_namespace n,
          LATERAL (SELECT pg_has_role(n.nspowner, 'USAGE') OR pg_get_userbyid(n.nspowner) IN ($1, 'pg_database_owner') AS ours) o
        WHERE n.nspname = ANY ($2::text[]) OR n.nspname = 'public'), '[]'),
      'extensions', (SELECT json_agg(extname) FROM pg_extension),
      'defaults', coalesce((SELECT json_agg(json_build_object('schema', n.nspname, 'type', d.defaclobjtype,
          'grantee', ${granteeSql}, 'privilege', a.privilege_type))
        FROM pg_default_acl d JOIN declared n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
        WHERE pg_get_userbyid(d.defaclrole) = $1), '[]'),
      'relations', coalesce((SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname,
          'type', CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END,
          'takenWith', CASE WHEN c.relowner IN (SELECT oid FROM mine) THEN format('%I.%I', n.nspname, coalesce((
            SELECT t.relname FROM pg_depend o JOIN pg_class t ON t.oid = o.refobjid WHERE c.relkind = 'S' AND o.classid = 'pg_class'::regclass
              AND o.objid = c.oid AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i') LIMIT 1), c.relname)) END)
          ORDER BY n.nspname, c.relname)
        FROM pg_class c JOIN declared n ON n.oid = c.relnamespace
        WHERE c.relowner IN (SELECT oid FROM hands) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND c.oid NOT IN (SELECT oid FROM left_views) AND ${ownSql('pg_class', 'c.oid')}), '[]'),
      'routines', coalesce((SELECT json_agg(json_build_object('schema', n.nspname, 'name', ${routineSql},
          'takenWith', CASE WHEN p.proowner IN (SELECT oid FROM mine) THEN ${routineSql} END)
          ORDER BY n.nspname, ${routineSql})
        FROM pg_proc p JOIN declared n ON n.oid = p.pronamespace
        WHERE p.proowner IN (SELECT oid FROM hands) AND NOT (p.prosecdef AND p.proowner IN (SELECT oid FROM mine))
          AND ${ownSql('pg_proc', 'p.oid')}), '[]'),
      'takeOver', coalesce((SELECT json_agg(json_build_object('keyword', keyword, 'name', name) ORDER BY step, name) FROM taken), '[]'),
      'left', coalesce((SELECT json_agg(l ORDER BY l.keyword, l.name) FROM (
        SELECT ${relationKeywordSql} AS keyword, format('%I.%I', n.nspname, c.relname) AS name,
            'it reads ' || string_agg(DISTINCT format('%I.%I', s.nspname, t.relname), ', ') AS reason
          FROM left_views v JOIN pg_class c ON c.oid = v.oid JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_class t ON t.oid = v.reads JOIN pg_namespace s ON s.oid = t.relnamespace
          WHERE ${ownSql('pg_class', 'c.oid')} GROUP BY c.relkind, n.nspname, c.relname
        UNION ALL SELECT 'ROUTINE', ${routineSql}, 'it is SECURITY DEFINER' FROM pg_proc p JOIN declared n ON n.oid = p.pronamespace
          JOIN mine ON mine.oid = p.proowner WHERE p.prosecdef AND ${ownSql('pg_proc', 'p.oid')}) l), '[]')
    ) AS catalog`,
    [owner, schemas],
  );
  return rows[0].catalog;
}
