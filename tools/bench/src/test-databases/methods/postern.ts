import { openPrefetcher } from '@postern/test-databases';
import type pg from 'pg';
import { bySocket, connected, OWNER } from '../server/bench-server.ts';
import { dialBroker } from './broker-client.ts';
import type { FileDatabase, Method, MethodSettings } from './method.ts';

/**
 * Ours: a ready database from the pool of the broker, a session in it over the Unix socket; afterwards it is given
 * back, and the broker resets it in the background. With prefetch both happen while the file before is still running.
 */
export async function postern({ method, address, broker = '', worker }: MethodSettings): Promise<Method> {
  const connection = await dialBroker(broker);
  const isolation = method === 'postern, clone only' ? 'clone' : 'reset';
  const take = async (): Promise<{ name: string; client: pg.Client }> => {
    const { name } = await connection.ask<{ name: string }>('acquire', { key: String(worker), isolation });
    const client = await connected(bySocket(address, { database: name, user: OWNER }));
    await client.query('SELECT 1');
    return { name, client };
  };
  const giveBack = async ({ name, client }: { name: string; client: pg.Client }): Promise<void> => {
    await client.end();
    await connection.ask('release', { name });
  };
  const fileDatabase = (taken: { name: string; client: pg.Client }): FileDatabase => ({
    client: taken.client,
    release: () => giveBack(taken),
  });
  if (method !== 'postern, reset + prefetch') {
    return {
      acquire: async () => fileDatabase(await take()),
      [Symbol.asyncDispose]: async () => connection.close(),
    };
  }
  const prefetcher = openPrefetcher({ take, giveBack });
  return {
    acquire: async () => fileDatabase(await prefetcher.next()),
    async [Symbol.asyncDispose]() {
      await prefetcher.close();
      connection.close();
    },
  };
}
