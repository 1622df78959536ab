import type { SqlClient } from './sql-client.ts';

/** Goes up with every change to what a template holds beside its migrations: {@link installReset} above all. */
export const engineVersion = 3;

/** What a template is kept by in the ledger. */
export interface TemplateKey {
  /** SHA-256 of the caller's hash and of everything on the server that makes the same migrations another database. */
  readonly key: string;
  /** The caller's hash: declaration, migrations and seed. */
  readonly hash: string;
  readonly engine: number;
  /** Major version. */
  readonly server: number;
}

/**
 * The key of the template of `hash` on this server. A template does not survive what it was built with: another major
 * version, another default locale, other collations (whose order its indexes keep), another engine. Columns of newer
 * versions are read through JSON, so that one text does for PostgreSQL 14 to 18.
 */
export async function templateKey(session: SqlClient, hash: string): Promise<TemplateKey> {
  const { rows } = await session.query(
    `SELECT server, encode(sha256(convert_to(jsonb_build_array($1::text, $2::int, server, (
         SELECT jsonb_agg(jsonb_build_array(d.datname, d.encoding, d.datcollate, d.datctype, j -> 'datlocprovider',
                    coalesce(j -> 'datlocale', j -> 'daticulocale'), j -> 'daticurules') ORDER BY d.datname)
           FROM pg_database d, LATERAL (SELECT to_jsonb(d) AS j) AS with_newer
          WHERE d.datname IN ('template0', 'template1')),
         pg_collation_actual_version('pg_catalog."default"'::regcollation),
         (SELECT pg_collation_actual_version(oid) FROM pg_collation WHERE collname = 'und-x-icu'))::text, 'UTF8')), 'hex') AS key
       FROM (SELECT current_setting('server_version_num')::int / 10000 AS server) AS version`,
    [hash, engineVersion],
  );
  return { key: rows[0].key, hash, engine: engineVersion, server: rows[0].server };
}
