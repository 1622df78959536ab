import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { byTcp, connected, OWNER, withClient } from '../server/bench-server.ts';
import { type Method, type MethodSettings, PREFIX } from './method.ts';

const run = promisify(execFile);

/**
 * `restoreSnapshot()` of testcontainers-node: its two statements, each by a psql of its own, as in the container. The way
 * through Docker, which costs more than everything else, is left out; each worker has a database in place of a
 * container. On a machine without psql an empty process stands in for it, and the statement is sent from here.
 */
export function testcontainers({ address, templates, worker }: MethodSettings): Method {
  const name = `${PREFIX}container_${worker}`;
  const psql = async (statement: string): Promise<void> => {
    const { socketDir, port, superuser } = address;
    try {
      const login = ['-h', socketDir, '-p', String(port), '-U', superuser, '-d', 'postgres'];
      await run('psql', ['-X', '-v', 'ON_ERROR_STOP=1', ...login, '-c', statement]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      await run(process.platform === 'win32' ? 'whoami' : 'true');
      await withClient(byTcp(address, { database: 'postgres' }), (session) => session.query(statement));
    }
  };
  return {
    async acquire() {
      await psql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await psql(`CREATE DATABASE ${name} WITH TEMPLATE ${templates.plain} OWNER ${OWNER}`);
      const client = await connected(byTcp(address, { database: name, user: OWNER }));
      await client.query('SELECT 1');
      return { client, release: () => client.end() };
    },
    async [Symbol.asyncDispose]() {},
  };
}
