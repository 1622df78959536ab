import { maintenanceDatabase, type SqlClient, testPrefix, withSession } from '@postern/test-databases/server';
import { implicitSql, type Membership } from '../plan/catalog.ts';
import type { ConnectMaster } from '../runtime/connection.ts';

/** A role that carries a mark. */
export interface MarkedRole {
  readonly name: string;
  readonly comment: string;
  /** Sessions of it that are open now. */
  readonly sessions: number;
}

export interface PruneDatabase {
  readonly name: string;
  readonly owner: string;
  readonly comment: string | null;
}

/** What keeps a role from being dropped, by the database in which it is to be undone. */
interface Dependency {
  readonly role: string;
  /** Where the objects are, or the database that the privileges are on; missing for what belongs to no database. */
  readonly database?: string;
  /** `database`: the database itself belongs to the role, `access`: privileges on it; `inside`: objects or grants in it. */
  readonly kind: 'database' | 'access' | 'inside' | 'cluster';
}

/** The parts of the catalogs that a prune depends on. */
export interface PruneCatalog {
  readonly version: number;
  /** The login we are. */
  readonly master: string;
  readonly roles: readonly MarkedRole[];
  readonly memberships: readonly Membership[];
  readonly databases: readonly PruneDatabase[];
  /** Of the marked roles, and of those whose test logins are marked. */
  readonly dependencies: readonly Dependency[];
  /** Published templates that the ledger of test databases lists, with the hash that the manifest has for them. */
  readonly templates: readonly { readonly name: string; readonly hash: string }[];
}

/** Reads it in one query for the cluster, and one in the maintenance database if there is one. */
export async function readPruneCatalog(session: SqlClient, connect: ConnectMaster): Promise<PruneCatalog> {
  const { rows } = await session.query(cluster);
  const catalog = rows[0].catalog as Omit<PruneCatalog, 'templates'>;
  const ledger = catalog.databases.some(({ name }) => name === maintenanceDatabase);
  return {
    ...catalog,
    templates: ledger ? await withSession(connect, maintenanceDatabase, readTemplates) : [],
  };
}

/** pg_shdepend lists for every role of the cluster in which database something depends on it. */
const cluster = `
WITH marked AS (
  SELECT r.oid, r.rolname, shobj_description(r.oid, 'pg_authid') AS comment FROM pg_roles r
   WHERE shobj_description(r.oid, 'pg_authid') LIKE 'postern: %' AND NOT r.rolsuper AND r.rolname <> session_user),
involved AS (
  SELECT r.oid, r.rolname FROM pg_roles r WHERE EXISTS (SELECT FROM marked m WHERE m.rolname IN (r.rolname, '${testPrefix}' || r.rolname)))
SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'master', session_user,
  'roles', coalesce((SELECT json_agg(json_build_object('name', rolname, 'comment', comment,
      'sessions', (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = marked.oid)) ORDER BY rolname)
    FROM marked), '[]'),
  'memberships', coalesce((SELECT json_agg(json_build_object('role', r.rolname, 'member', m.rolname,
      'grantor', pg_get_userbyid(a.grantor),
      'inherit', coalesce((to_jsonb(a) ->> 'inherit_option')::bool, m.rolinherit),
      'set', coalesce((to_jsonb(a) ->> 'set_option')::bool, true),
      'admin', a.admin_option, 'implicit', ${implicitSql('a')}) ORDER BY r.rolname, m.rolname)
    FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member), '[]'),
  'databases', (SELECT json_agg(json_build_object('name', datname, 'owner', pg_get_userbyid(datdba),
      'comment', shobj_description(oid, 'pg_database')) ORDER BY datname) FROM pg_database),
  'dependencies', coalesce((SELECT json_agg(json_strip_nulls(json_build_object('role', role, 'kind', kind, 'database', database))
      ORDER BY role, database, kind) FROM (
    SELECT DISTINCT m.rolname AS role,
           coalesce(d.datname, inside.datname) AS database,
           CASE WHEN d.oid IS NOT NULL THEN CASE s.deptype WHEN 'o' THEN 'database' ELSE 'access' END
                WHEN inside.oid IS NOT NULL THEN 'inside' ELSE 'cluster' END AS kind
      FROM pg_shdepend s JOIN involved m ON s.refclassid = 'pg_authid'::regclass AND s.refobjid = m.oid
      LEFT JOIN pg_database inside ON inside.oid = s.dbid
      LEFT JOIN pg_database d ON s.classid = 'pg_database'::regclass AND d.oid = s.objid) found), '[]')
) AS catalog`;

async function readTemplates(session: SqlClient): Promise<PruneCatalog['templates']> {
  const { rows } = await session.query(`SELECT to_regclass('postern.templates') IS NOT NULL AS there`);
  if (!rows[0].there) return [];
  // The first version of the ledger had no key beside it.
  const found = await session.query(
    `SELECT name, coalesce(to_jsonb(t) ->> 'manifest', hash) AS hash FROM postern.templates t ORDER BY name`,
  );
  return found.rows;
}
