import type { SqlClient } from '@postern/test-databases/server';

/** Oldest supported server: schema public is closed to PUBLIC and `LOCALE_PROVIDER` exists since then. */
export const minimumServerVersion = 150_000;

/** From here on a membership has options of its own (INHERIT, SET) and needs ADMIN OPTION to be granted. */
export const membershipOptionsVersion = 160_000;

/** PUBLIC as a grantee: no role has an empty name, but one may be called "PUBLIC". */
export const everybody: string = '';

export interface AclEntry {
  /** A role's name, or {@link everybody}. */
  readonly grantee: string;
  readonly privilege: string;
  /** WITH GRANT OPTION. */
  readonly grantable?: boolean;
  /** Only a REVOKE in its name takes the entry away. Missing: the owner. */
  readonly grantor?: string;
}

/** Whether a REVOKE in the name of `actor` takes the entry away. */
export function isFrom(entry: AclEntry, actor: string): boolean {
  return (entry.grantor ?? actor) === actor;
}

/** ` CASCADE` where one of the grantees has handed one of the privileges on: PostgreSQL would refuse the REVOKE otherwise. */
export function cascade(
  acl: readonly AclEntry[],
  grantees: readonly string[],
  privileges: readonly string[],
): string {
  const handedOn = acl.some(
    ({ grantor, privilege }) =>
      grantor !== undefined && grantees.includes(grantor) && privileges.includes(privilege),
  );
  return handedOn ? ' CASCADE' : '';
}

export interface CatalogRole {
  readonly name: string;
  readonly login: boolean;
  readonly superuser: boolean;
  /** Before PostgreSQL 16 it decides for all memberships of the role. */
  readonly inherit: boolean;
  /** -1: no limit. */
  readonly connectionLimit: number;
  /** What nobody can declare: `CREATEROLE`, `CREATEDB`, `REPLICATION`, `BYPASSRLS`. */
  readonly powers: readonly string[];
  /** Missing: never expires. */
  readonly validUntil: string | null;
  /** `name=value`, as in `pg_roles.rolconfig`. */
  readonly settings: readonly string[];
  readonly comment: string | null;
  /** Databases that belong to it, or in which something does. */
  readonly owns: readonly string[];
}

export interface Membership {
  readonly role: string;
  readonly member: string;
  /** Whether the member may log in. */
  readonly login?: boolean;
  readonly grantor: string;
  readonly inherit: boolean;
  readonly set: boolean;
  readonly admin: boolean;
  /**
   * The row that PostgreSQL 16+ gives a creator by itself: ADMIN only, from the bootstrap superuser. RDS does
   * not count it as membership in rds_iam, and neither do we.
   */
  readonly implicit: boolean;
}

export interface CatalogDatabase {
  readonly name: string;
  readonly owner: string;
  readonly acl: readonly AclEntry[];
  /** Nobody ever granted or revoked anything on it. */
  readonly untouched: boolean;
  readonly allowsConnections: boolean;
  readonly connectionLimit: number;
  readonly encoding: string;
  readonly provider: 'libc' | 'icu' | 'builtin';
  readonly collate: string;
  readonly ctype: string;
  /** Of the providers icu and builtin. */
  readonly locale: string | null;
  readonly settings: readonly string[];
  readonly comment: string | null;
}

/** The parts of the shared catalogs that a plan depends on. */
export interface ClusterCatalog {
  readonly version: number;
  /** The login we are. */
  readonly master: string;
  /** Those asked for, and all that carry a mark. */
  readonly roles: readonly CatalogRole[];
  readonly memberships: readonly Membership[];
  /** Roles that may do more than grants in a database give, PostgreSQL's and RDS's own included; not rds_iam. */
  readonly powerful: readonly { readonly name: string; readonly administers: boolean }[];
  /** Those asked for, and all that carry a mark. */
  readonly databases: readonly CatalogDatabase[];
  /** `ALTER ROLE … IN DATABASE … SET` in the databases asked for. */
  readonly roleInDatabase: readonly {
    readonly role: string;
    readonly database: string;
    readonly settings: readonly string[];
  }[];
  /** Names of encodings as the server calls them. */
  readonly encodings: Readonly<Record<string, string>>;
}

/** A grantee's name, or {@link everybody}, in an exploded ACL `a`. */
export const granteeSql: string = `CASE a.grantee WHEN 0 THEN '${everybody}' ELSE pg_get_userbyid(a.grantee) END`;
/** The start of a subquery that gives an exploded ACL `a` as JSON; close it with `), '[]')`. */
export const aclSql: string = `coalesce((SELECT json_agg(json_build_object('grantee', ${granteeSql},
  'privilege', a.privilege_type, 'grantable', a.is_grantable, 'grantor', pg_get_userbyid(a.grantor)))`;

/**
 * The options of a membership `a` of role `m`, whatever the server's version: before PostgreSQL 16 there are none, the
 * member's INHERIT attribute decides, and SET ROLE is always allowed.
 */
const membershipOptions: {
  readonly inherit: string;
  readonly set: string;
  readonly implicit: string;
} = {
  inherit: `coalesce((to_jsonb(a) ->> 'inherit_option')::bool, m.rolinherit)`,
  set: `coalesce((to_jsonb(a) ->> 'set_option')::bool, true)`,
  implicit: implicitSql('a'),
};

/** Whether row `alias` of pg_auth_members is the one that a creator gets by itself. */
export function implicitSql(alias: string): string {
  return `(${alias}.grantor = 10 AND ${alias}.admin_option
    AND coalesce(NOT (to_jsonb(${alias}) ->> 'inherit_option')::bool AND NOT (to_jsonb(${alias}) ->> 'set_option')::bool, false))`;
}

/** Reads the shared catalogs in one query, whatever the number of roles and databases. */
export async function readCluster(
  session: SqlClient,
  roles: readonly string[],
  databases: readonly string[],
  encodings: readonly string[],
): Promise<ClusterCatalog> {
  const { rows } = await session.query(
    `SELECT json_build_object(
      'version', current_setting('server_version_num')::int,
      'master', session_user,
      'roles', coalesce((SELECT json_agg(json_build_object('name', r.rolname, 'login', r.rolcanlogin,
          'superuser', r.rolsuper, 'inherit', r.rolinherit, 'connectionLimit', r.rolconnlimit,
          'powers', array_remove(ARRAY[CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
            CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END], NULL),
          'validUntil', nullif(r.rolvaliduntil, 'infinity')::text, 'settings', coalesce(r.rolconfig, '{}'),
          'comment', c.description,
          'owns', coalesce((SELECT json_agg(DISTINCT d.datname ORDER BY d.datname) FROM pg_shdepend s JOIN pg_database d
              ON d.oid = CASE s.classid WHEN 'pg_database'::regclass THEN s.objid ELSE s.dbid END
            WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid AND s.deptype = 'o'), '[]')) ORDER BY r.rolname)
        FROM pg_roles r
        LEFT JOIN pg_shdescription c ON c.objoid = r.oid AND c.classoid = 'pg_authid'::regclass
        WHERE r.rolname = ANY ($1::text[]) OR c.description LIKE 'postern: %'), '[]'),
      'memberships', coalesce((SELECT json_agg(json_build_object('role', r.rolname, 'member', m.rolname,
          'login', m.rolcanlogin, 'grantor', pg_get_userbyid(a.grantor), 'inherit', ${membershipOptions.inherit},
          'set', ${membershipOptions.set}, 'admin', a.admin_option, 'implicit', ${membershipOptions.implicit}) ORDER BY r.rolname, m.rolname)
        FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member), '[]'),
      'powerful', coalesce((SELECT json_agg(json_build_object('name', r.rolname,
          'administers', r.rolsuper OR r.rolcreaterole OR r.rolname = 'rds_superuser')
          ORDER BY r.rolsuper OR r.rolcreaterole OR r.rolname = 'rds_superuser' DESC, r.rolname)
        FROM pg_roles r WHERE r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
          OR (r.rolname ~ '^(pg|rds)_' AND r.rolname <> 'rds_iam')), '[]'),
      'databases', coalesce((SELECT json_agg(json_build_object('name', d.datname,
          'owner', pg_get_userbyid(d.datdba), 'untouched', d.datacl IS NULL, 'allowsConnections', d.datallowconn,
          'connectionLimit', d.datconnlimit, 'encoding', pg_encoding_to_char(d.encoding),
          'provider', CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
          'collate', d.datcollate, 'ctype', d.datctype,
          'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
          'settings', coalesce((SELECT s.setconfig FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole = 0), '{}'),
          'comment', c.description,
          'acl', ${aclSql} FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a), '[]')) ORDER BY d.datname)
        FROM pg_database d
        LEFT JOIN pg_shdescription c ON c.objoid = d.oid AND c.classoid = 'pg_database'::regclass
        WHERE d.datname = ANY ($2::text[]) OR c.description LIKE 'postern: %'), '[]'),
      'roleInDatabase', coalesce((SELECT json_agg(json_build_object('role', pg_get_userbyid(s.setrole), 'database', d.datname,
          'settings', s.setconfig) ORDER BY d.datname, s.setrole)
        FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
        WHERE s.setrole <> 0 AND d.datname = ANY ($2::text[])), '[]'),
      'encodings', coalesce((SELECT json_object_agg(e, pg_encoding_to_char(pg_char_to_encoding(e))) FROM unnest($3::text[]) e), '{}')
    ) AS catalog`,
    [roles, databases, encodings],
  );
  return rows[0].catalog;
}
