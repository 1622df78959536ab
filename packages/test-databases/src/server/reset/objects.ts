import type { SqlClient } from '../sql-client.ts';
import { userSchemas } from './names.ts';

interface TableColumn {
  readonly name: string;
  /** With its schema. */
  readonly type: string;
  /**
   * What a copy holds the values as: the same for types of PostgreSQL. A column of any other type would keep that type from being dropped,
   * so its values are copied as text, in a string type that no cast of the user leads from. Null when there is none.
   */
  readonly carrier: string | null;
  /** Computed by the server; cannot be given a value. */
  readonly generated: boolean;
}

interface KeyColumn {
  readonly name: string;
  /** What the index takes for equal, as SQL. */
  readonly operator: string;
}

/** A table, partitioned table, materialised view or foreign table of the template. */
export interface UserTable {
  readonly oid: string;
  readonly kind: 'r' | 'p' | 'm' | 'f';
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly unlogged: boolean;
  readonly forcesRls: boolean;
  readonly heap: boolean;
  readonly populated: boolean;
  readonly bytes: number;
  /** Belongs to the master or a superuser, and nobody else has a right to change it. */
  readonly untouchable: boolean;
  /** The master sees all its rows. */
  readonly readable: boolean;
  readonly ofExtension: boolean;
  /** A foreign key of another table points to it, which makes TRUNCATE impossible. */
  readonly referenced: boolean;
  /** Itself and everything that inherits from it, as far as it holds rows. */
  readonly family: readonly string[];
  readonly columns: readonly TableColumn[];
  /** Empty without a primary key. */
  readonly key: readonly KeyColumn[];
}

export interface UserSequence {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly cache: number;
  readonly untouchable: boolean;
  readonly readable: boolean;
}

export interface UserObjects {
  readonly tables: readonly UserTable[];
  readonly sequences: readonly UserSequence[];
  /** Triggers and rules that replication does not switch off, as `name on table`. */
  readonly stubborn: readonly string[];
  readonly largeObjects: boolean;
  readonly subscriptions: boolean;
  readonly foreignServers: boolean;
  readonly version: number;
  /** The session's user: owns the machinery. */
  readonly master: string;
  readonly superuser: boolean;
}

const writable = (privileges: string): string =>
  `(EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner AND a.privilege_type IN (${privileges}))
    OR EXISTS (SELECT FROM pg_attribute g, aclexplode(g.attacl) a
                WHERE g.attrelid = c.oid AND g.attacl IS NOT NULL AND a.privilege_type IN (${privileges})))`;

const untouchable = (privileges: string): string =>
  `((o.rolsuper OR o.rolname = current_user) AND NOT ${writable(privileges)})`;

/** Object identifiers below belong to what initdb made. */
export const firstUserOid = 16384;

const carrier = `CASE WHEN a.atttypid < ${firstUserOid} THEN format_type(a.atttypid, a.atttypmod) ELSE (
  SELECT s.name FROM unnest(ARRAY['varchar', 'text', 'bpchar']) WITH ORDINALITY s(name, n)
   WHERE NOT EXISTS (SELECT FROM pg_cast k JOIN pg_type y ON y.oid = a.atttypid
                      WHERE k.castsource = s.name::regtype AND k.castmethod = 'f'
                        AND k.casttarget = CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE y.oid END)
   ORDER BY s.n LIMIT 1) END`;

/** Everything about the user's objects that decides how they are reset. */
export async function readObjects(session: SqlClient): Promise<UserObjects> {
  const { rows } = await session.query(
    `SELECT current_setting('server_version_num')::int AS version, current_user::text AS master,
       (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) AS superuser,
       EXISTS (SELECT FROM pg_largeobject_metadata) AS "largeObjects",
       EXISTS (SELECT FROM pg_subscription_rel) AS subscriptions,
       EXISTS (SELECT FROM pg_foreign_server) AS "foreignServers",
       ARRAY(SELECT t.tgname || ' on ' || t.tgrelid::regclass FROM pg_trigger t
               JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE t.tgenabled IN ('A', 'R') AND ${userSchemas}
             UNION ALL
             SELECT r.rulename || ' on ' || r.ev_class::regclass FROM pg_rewrite r
               JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE r.ev_enabled IN ('A', 'R') AND ${userSchemas}) AS stubborn,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'oid', c.oid::text, 'kind', c.relkind, 'schema', n.nspname, 'name', c.relname, 'owner', o.rolname,
          'unlogged', c.relpersistence = 'u', 'forcesRls', c.relrowsecurity AND c.relforcerowsecurity,
          'heap', c.relam IN (0, 2), 'populated', c.relispopulated,
          'bytes', CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END,
          'untouchable', ${untouchable(`'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'MAINTAIN'`)},
          'readable', has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT c.relrowsecurity,
          'ofExtension', EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'),
          'referenced', EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = c.oid AND f.conrelid <> c.oid),
          'family', (WITH RECURSIVE family AS (SELECT c.oid, c.relkind UNION
                       SELECT k.oid, k.relkind FROM family f JOIN pg_inherits i ON i.inhparent = f.oid JOIN pg_class k ON k.oid = i.inhrelid)
                     SELECT coalesce(jsonb_agg(f.oid::text), '[]') FROM family f WHERE f.relkind <> 'p'),
          'columns', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.attname,
                        'type', format_type(a.atttypid, a.atttypmod), 'carrier', ${carrier}, 'generated', a.attgenerated <> '') ORDER BY a.attnum), '[]')
                       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
          'key', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', a.attname,
                    'operator', format('OPERATOR(%I.%s)', pn.nspname, p.oprname)) ORDER BY k.n), '[]')
                    FROM pg_index x
                    JOIN pg_class xc ON xc.oid = x.indexrelid
                    JOIN pg_am am ON am.oid = xc.relam AND am.amname = 'btree'
                    CROSS JOIN generate_series(0, x.indnkeyatts - 1) AS k(n)
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[k.n]
                    JOIN pg_opclass oc ON oc.oid = x.indclass[k.n]
                    JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amopstrategy = 3
                     AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype
                    JOIN pg_operator p ON p.oid = ao.amopopr
                    JOIN pg_namespace pn ON pn.oid = p.oprnamespace
                   WHERE x.indrelid = c.oid AND x.indisprimary)
        ) ORDER BY c.oid), '[]')
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
         WHERE c.relkind IN ('r', 'p', 'm', 'f') AND ${userSchemas}) AS tables,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
          'oid', c.oid::text, 'schema', n.nspname, 'name', c.relname, 'owner', o.rolname, 'cache', s.seqcache,
          'untouchable', ${untouchable(`'USAGE', 'UPDATE'`)},
          'readable', has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) ORDER BY c.oid), '[]')
          FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_roles o ON o.oid = c.relowner
         WHERE ${userSchemas}) AS sequences`,
  );
  return rows[0] as UserObjects;
}
