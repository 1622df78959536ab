import { Agent, get } from 'node:http';
import { byTcp, connected, OWNER } from '../server/bench-server.ts';
import type { Method, MethodSettings } from './method.ts';

/**
 * A client of the emulated IntegreSQL server: one request for a database, then a session in it. The database is not given back:
 * the server recreates the oldest one that was handed out.
 */
export function integresql({ address, broker }: MethodSettings): Method {
  const agent = new Agent({ keepAlive: true });
  return {
    async acquire() {
      const { database } = JSON.parse(await request(`${broker}/api/v1/templates/bench/tests`, agent));
      const client = await connected(byTcp(address, { database, user: OWNER }));
      await client.query('SELECT 1');
      return { client, release: () => client.end() };
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
    },
  };
}

async function request(url: string, agent: Agent): Promise<string> {
  return await new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode}: ${body}`)),
      );
      response.on('error', reject);
    }).on('error', reject);
  });
}
