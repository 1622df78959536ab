import type { SqlClient } from '@postern/test-databases/server';

/** Oldest supported server: SET and INHERIT options of memberships exist since then. */
export const minimumServerVersion = 160_000;

export interface AclEntry {
  /** A role's name, or `PUBLIC`. */
  readonly grantee: string;
  readonly privilege: string;
}

interface CatalogRole {
  readonly name: string;
  readonly login: boolean;
  readonly superuser: boolean;
  /** `name=value`, as in `pg_roles.rolconfig`. */
  readonly settings: readonly string[];
}

export interface Membership {
  readonly role: string;
  readonly member: string;
  readonly grantor: string;
  readonly inherit: boolean;
  readonly set: boolean;
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
}

/** The parts of the shared catalogs that a plan depends on. */
export interface ClusterCatalog {
  readonly version: number;
  /** The login we are. */
  readonly master: string;
  readonly roles: readonly CatalogRole[];
  readonly memberships: readonly Membership[];
  readonly databases: readonly CatalogDatabase[];
}

/** The parts of one database's catalogs that a plan depends on. */
export interface InnerCatalog {
  readonly schemas: readonly {
    readonly name: string;
    readonly owner: string;
    readonly acl: readonly AclEntry[];
  }[];
  readonly extensions: readonly string[];
  /** Default privileges of the owner, exploded. `type`: `r` tables, `S` sequences. */
  readonly defaults: readonly (AclEntry & { readonly schema: string; readonly type: string })[];
  /** Tables, views (`r`) and sequences (`S`) of the owner in the declared schemas. */
  readonly relations: readonly { readonly schema: string; readonly name: string; readonly type: 'r' | 'S' }[];
}

/** A database that is about to be created from template1. */
export const freshCatalog: InnerCatalog = {
  schemas: [{ name: 'public', owner: 'pg_database_owner', acl: [] }],
  extensions: ['plpgsql'],
  defaults: [],
  relations: [],
};

const grantee = `coalesce(nullif(pg_get_userbyid(a.grantee), 'unknown (OID=0)'), 'PUBLIC')`;
const acl = `coalesce((SELECT json_agg(json_build_object('grantee', ${grantee}, 'privilege', a.privilege_type))`;

/** Reads the shared catalogs in one query, whatever the number of roles and databases. */
export async function readCluster(
  session: SqlClient,
  roles: readonly string[],
  databases: readonly string[],
): Promise<ClusterCatalog> {
  const { rows } = await session.query(
    `SELECT json_build_object(
      'version', current_setting('server_version_num')::int,
      'master', session_user,
      'roles', coalesce((SELECT json_agg(json_build_object('name', rolname, 'login', rolcanlogin,
          'superuser', rolsuper, 'settings', coalesce(rolconfig, '{}')))
        FROM pg_roles WHERE rolname = ANY ($1)), '[]'),
      'memberships', coalesce((SELECT json_agg(json_build_object('role', r.rolname, 'member', m.rolname,
          'grantor', pg_get_userbyid(a.grantor), 'inherit', a.inherit_option, 'set', a.set_option,
          'implicit', a.grantor = 10 AND a.admin_option AND NOT a.inherit_option AND NOT a.set_option))
        FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member), '[]'),
      'databases', coalesce((SELECT json_agg(json_build_object('name', d.datname,
          'owner', pg_get_userbyid(d.datdba),
          'acl', ${acl} FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a), '[]')))
        FROM pg_database d WHERE d.datname = ANY ($2)), '[]')
    ) AS catalog`,
    [roles, databases],
  );
  return rows[0].catalog;
}

/** Reads the catalogs of the session's database in one query. */
export async function readInner(
  session: SqlClient,
  owner: string,
  schemas: readonly string[],
): Promise<InnerCatalog> {
  const { rows } = await session.query(
    `SELECT json_build_object(
      'schemas', coalesce((SELECT json_agg(json_build_object('name', n.nspname, 'owner', pg_get_userbyid(n.nspowner),
          'acl', ${acl} FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a), '[]')))
        FROM pg_namespace n WHERE n.nspname = ANY ($2)), '[]'),
      'extensions', (SELECT json_agg(extname) FROM pg_extension),
      'defaults', coalesce((SELECT json_agg(json_build_object('schema', n.nspname, 'type', d.defaclobjtype,
          'grantee', ${grantee}, 'privilege', a.privilege_type))
        FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
        WHERE pg_get_userbyid(d.defaclrole) = $1 AND n.nspname = ANY ($2)), '[]'),
      'relations', coalesce((SELECT json_agg(json_build_object('schema', n.nspname, 'name', c.relname,
          'type', CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END) ORDER BY n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE pg_get_userbyid(c.relowner) = $1 AND n.nspname = ANY ($2) AND c.relkind IN ('r','p','v','m','f','S')), '[]')
    ) AS catalog`,
    [owner, schemas],
  );
  return rows[0].catalog;
}
