import { randomBytes } from 'node:crypto';
import { byTcp, connected, OWNER, withClient } from '../server/bench-server.ts';
import { type Method, type MethodSettings, PREFIX, strategyOf } from './method.ts';

/**
 * What pgtestdb does for a test when its template exists: a session of the administrator, `CREATE DATABASE … TEMPLATE`
 * with the server's own strategy, a session of the test user; afterwards the administrator again, and `DROP DATABASE`.
 * Its look for the template, once per program, and a migrator's verification are left out.
 */
export function pgtestdb({ method, address, templates }: MethodSettings): Method {
  const admin = byTcp(address, { database: 'postgres' });
  return {
    async acquire() {
      const name = `${PREFIX}pgtestdb_${randomBytes(6).toString('hex')}`;
      await withClient(admin, (session) =>
        session.query(
          `CREATE DATABASE ${name} WITH TEMPLATE ${templates.plain} OWNER ${OWNER}${strategyOf(method)}`,
        ),
      );
      const client = await connected(byTcp(address, { database: name, user: OWNER }));
      await client.query('SELECT 1');
      return {
        client,
        async release() {
          await client.end();
          await withClient(admin, (session) => session.query(`DROP DATABASE IF EXISTS ${name}`));
        },
      };
    },
    async [Symbol.asyncDispose]() {},
  };
}
