import { TestDatabaseError } from '../errors.ts';
import { describeDatabase, dropDatabase } from './databases.ts';
import { withLock } from './locks.ts';
import { cloneName } from './names.ts';
import type { SqlClient } from './sql-client.ts';
import { announce, findTemplate, publish, type Template } from './templates.ts';

export interface PublishRequest {
  readonly run: string;
  readonly hash: string;
  readonly database: string;
  readonly owner: string;
  readonly lockTimeoutMs: number;
  /** Looks into the database that the run filled; throws when it is not what was announced. */
  check(name: string): Promise<void>;
}

/**
 * Makes the run's own database number 0 the template of its hash. Whoever comes second finds the template and
 * loses only its own copy.
 */
export async function publishOwn(session: SqlClient, request: PublishRequest): Promise<Template> {
  const own = cloneName(request.hash, request.run, 0);
  return await withLock(session, `work:${request.run}`, request.lockTimeoutMs, () =>
    withLock(session, `template:${request.hash}`, request.lockTimeoutMs, async () => {
      const { rows } = await session.query(
        `SELECT 1 FROM postern.databases WHERE name = $1 AND run = $2 AND hash = $3`,
        [own, request.run, request.hash],
      );
      let template = await findTemplate(session, request.hash, request.database);
      if (!template) {
        const found = await describeDatabase(session, own);
        if (rows.length === 0 || found?.owner !== request.owner) {
          throw new TestDatabaseError(
            'TESTDB_TEMPLATE_INVALID',
            `run ${request.run} has no database to publish for this hash`,
            {
              kind: 'conflict',
              hint: 'Call prepare first, migrate the database it names, then publish.',
            },
          );
        }
        await request.check(own);
        await announce(session, request, []);
        await publish(session, request.hash, own);
        template = (await findTemplate(session, request.hash, request.database)) as Template;
      } else if (rows.length > 0) {
        await dropDatabase(session, own);
      }
      await session.query('DELETE FROM postern.databases WHERE name = $1', [own]);
      return template;
    }),
  );
}
