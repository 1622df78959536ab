import { TestDatabaseError } from '../errors.ts';
import { describeDatabase, evict } from './databases.ts';
import { dropDatabase } from './drop-database.ts';
import { withLock } from './locks.ts';
import { cloneName } from './names.ts';
import type { SqlClient } from './sql-client.ts';
import { templateKey } from './template-key.ts';
import { announce, findByKey, findOrAdopt, publish, type Template } from './templates.ts';

export interface PublishRequest {
  readonly run: string;
  readonly hash: string;
  readonly database: string;
  readonly owner: string;
  readonly lockTimeoutMs: number;
  /** Looks into the database that the run filled; throws when it is not what was announced. */
  check(name: string): Promise<void>;
  /** Makes of it what its copies are to be. Whoever filled it is out by then, and {@link check} has been called once more. */
  seal(name: string): Promise<void>;
}

/**
 * Makes the run's own database number 0 the template of its hash. Whoever comes second finds the template and
 * loses only its own copy.
 */
export async function publishOwn(session: SqlClient, request: PublishRequest): Promise<Template> {
  const own = cloneName(request.hash, request.run, 0);
  const identity = await templateKey(session, request.hash);
  const { key } = identity;
  return await withLock(session, `work:${request.run}`, request.lockTimeoutMs, () =>
    withLock(session, `template:${key}`, request.lockTimeoutMs, async () => {
      const { rows } = await session.query(
        `SELECT current_user AS master FROM postern.databases WHERE name = $1 AND run = $2 AND hash = $3`,
        [own, request.run, request.hash],
      );
      let template = await findOrAdopt(session, key, request.database);
      if (!template) {
        const found = await describeDatabase(session, own);
        // The master's, if an earlier attempt died while it closed the database.
        if (rows.length === 0 || !found || ![request.owner, rows[0].master].includes(found.owner)) {
          throw new TestDatabaseError(
            'TESTDB_TEMPLATE_INVALID',
            `run ${request.run} has no database to publish for this hash`,
            {
              kind: 'conflict',
              hint: 'Call prepare first, migrate the database it names, then publish.',
            },
          );
        }
        // One that the master has closed has been checked and sealed, by an attempt that died. Its owner could close it, too.
        if (found.allowsConnections || found.owner !== rows[0].master) {
          await request.check(own);
          await evict(session, own);
          await request.check(own);
          await request.seal(own);
        }
        await announce(session, identity, request, []);
        await publish(session, key, own);
        template = (await findByKey(session, key, request.database)) as Template;
      } else if (rows.length > 0) {
        await dropDatabase(session, own);
      }
      await session.query('DELETE FROM postern.databases WHERE name = $1', [own]);
      return template;
    }),
  );
}
