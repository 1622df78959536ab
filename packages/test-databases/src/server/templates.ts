import { TestDatabaseError } from '../errors.ts';
import { closeDatabase, createDatabase, describeDatabase, preparedIn } from './databases.ts';
import { dropDatabase } from './drop-database.ts';
import { withLock } from './locks.ts';
import { buildingName, quoteIdentifier, templateName } from './names.ts';
import { type SqlClient, transaction } from './sql-client.ts';
import { type TemplateKey, templateKey } from './template-key.ts';

export interface Template {
  readonly name: string;
  /** Owns the clones and, inside them, the objects. */
  readonly owner: string;
}

export interface TemplateRecipe {
  /** Of everything that the caller brings. What the server brings is added here, see {@link templateKey}. */
  readonly hash: string;
  /** The declared database that this is a template of. */
  readonly database: string;
  readonly owner: string;
  /**
   * SQL of encoding and locale for `CREATE DATABASE`, with the template that they need. Clones have them from their template.
   * Default: the cluster's.
   */
  readonly locale?: string;
  /** As {@link DatabaseGrants.settings}: what migrations find. Default none. */
  readonly settings?: readonly string[];
  /** Fills the fresh database: schemas, grants, migrations, statistics. Its sessions must be closed on return. */
  fill(name: string): Promise<void>;
}

/** The published template of a declared database for a hash, and a note that it was used. */
export async function findTemplate(
  session: SqlClient,
  hash: string,
  database: string,
): Promise<Template | undefined> {
  return await findByKey(session, (await templateKey(session, hash)).key, database);
}

/** As {@link findTemplate}, where the key is known already. */
export async function findByKey(
  session: SqlClient,
  key: string,
  database: string,
): Promise<Template | undefined> {
  const { rows } = await session.query(
    `UPDATE postern.templates t SET used_at = now()
      FROM pg_database d
     WHERE t.hash = $1 AND t.database = $2 AND t.state = 'ready' AND d.datname = t.name AND NOT d.datallowconn
     RETURNING t.name, t.owner`,
    [key, database],
  );
  return rows[0] && { name: rows[0].name, owner: rows[0].owner };
}

/**
 * The template of a recipe, built when it is missing. One builder works, everybody else waits on the lock of
 * the hash, across processes and machines. It is built under a temporary name and published by a rename, so a
 * published name always means a complete template.
 */
export async function ensureTemplate(
  session: SqlClient,
  recipe: TemplateRecipe,
  options: { readonly lockTimeoutMs: number },
): Promise<Template & { readonly built: boolean }> {
  const identity = await templateKey(session, recipe.hash);
  const { key } = identity;
  const ready = await findByKey(session, key, recipe.database);
  if (ready) return { ...ready, built: false };
  return await withLock(session, `template:${key}`, options.lockTimeoutMs, async () => {
    const meanwhile = await findOrAdopt(session, key, recipe.database);
    if (meanwhile) return { ...meanwhile, built: false };
    const building = buildingName(key);
    const name = templateName(key);
    await announce(session, identity, recipe, [building, name]);
    await dropDatabase(session, building);
    await dropDatabase(session, name);
    const { owner, locale, settings } = recipe;
    await createDatabase(session, {
      name: building,
      owner,
      connect: [],
      temporary: [],
      ...(locale === undefined ? {} : { locale }),
      ...(settings === undefined ? {} : { settings }),
    });
    await recipe.fill(building);
    await publish(session, key, building);
    return { name, owner: recipe.owner, built: true };
  });
}

/**
 * Turns a filled database into the template of `key`. The caller holds the template's lock and has written
 * the row (see {@link announce}).
 */
export async function publish(session: SqlClient, key: string, from: string): Promise<void> {
  const prepared = await preparedIn(session, from);
  if (prepared !== undefined) {
    throw new TestDatabaseError('TESTDB_TEMPLATE_INVALID', `"${from}" cannot be a template: ${prepared}`, {
      kind: 'conflict',
      hint: 'Migrations and seeds have to end what they prepare. Roll it back there: SELECT gid, owner FROM pg_prepared_xacts; ROLLBACK PREPARED …',
    });
  }
  await closeDatabase(session, from, true);
  await session.query(
    `ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(templateName(key))}`,
  );
  await session.query(`UPDATE postern.templates SET state = 'ready', used_at = now() WHERE hash = $1`, [key]);
}

/**
 * Writes the row of a template that is about to exist. A database that already has one of the names without a
 * row belongs to somebody else: that is an error, never a reason to drop.
 */
export async function announce(
  session: SqlClient,
  { key, hash, engine, server }: TemplateKey,
  template: { readonly database: string; readonly owner: string },
  names: readonly string[],
): Promise<void> {
  await transaction(session, async () => {
    const known = await session.query('SELECT 1 FROM postern.templates WHERE hash = $1 FOR UPDATE', [key]);
    if (known.rows.length === 0) {
      for (const name of names) {
        if (await describeDatabase(session, name)) throw nameTaken(name);
      }
    }
    await session.query(
      `INSERT INTO postern.templates (hash, name, database, owner, state, manifest, engine, server)
       VALUES ($1, $2, $3, $4, 'building', $5, $6, $7)
       ON CONFLICT (hash) DO UPDATE SET state = 'building', database = $3, owner = $4, used_at = now()`,
      [key, templateName(key), template.database, template.owner, hash, engine, server],
    );
  });
}

/** As {@link findByKey}, for whoever holds the template's lock. */
export async function findOrAdopt(
  session: SqlClient,
  key: string,
  database: string,
): Promise<Template | undefined> {
  return (await findByKey(session, key, database)) ?? (await adoptPublished(session, key));
}

/** A builder died between the rename and its last UPDATE: the template is complete, only the row is late. */
async function adoptPublished(session: SqlClient, key: string): Promise<Template | undefined> {
  const { rows } = await session.query(
    `UPDATE postern.templates t SET state = 'ready', used_at = now()
      FROM pg_database d
     WHERE t.hash = $1 AND t.state = 'building' AND d.datname = t.name AND d.datistemplate AND NOT d.datallowconn
     RETURNING t.name, t.owner`,
    [key],
  );
  return rows[0] && { name: rows[0].name, owner: rows[0].owner };
}

export function nameTaken(name: string): TestDatabaseError {
  return new TestDatabaseError(
    'TESTDB_NAME_TAKEN',
    `a database named "${name}" exists and the ledger does not know it`,
    {
      kind: 'conflict',
      hint: 'Somebody else created it. Rename or drop it by hand if it is not needed; Postern does not touch it.',
    },
  );
}
