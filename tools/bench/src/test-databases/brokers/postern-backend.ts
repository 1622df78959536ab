import type { PoolBackend } from '@postern/test-databases';
import { resetDatabase, warmReset } from '@postern/test-databases/server';
import type pg from 'pg';
import { PREFIX } from '../methods/method.ts';
import { bySocket, connected, OWNER, RESETTER, type ServerAddress } from '../server/bench-server.ts';

export interface PosternBackend extends PoolBackend {
  /** Opens the session for the reset that is going to come. */
  prepareReset(name: string): void;
  close(): Promise<void>;
}

/**
 * The pool's work on this server: clones by FILE_COPY, as fsync is off here, and closed to everybody else, as the product
 * does; resets by a session that is opened and warmed in the database while it is in use.
 */
export async function openBackend(address: ServerAddress, template: string): Promise<PosternBackend> {
  const master = await connected(bySocket(address, { database: 'postgres', user: address.master }));
  const sessions = new Map<string, Promise<pg.Client>>();
  const sessionOf = (name: string): Promise<pg.Client> => {
    let session = sessions.get(name);
    if (session === undefined) {
      session = connected(bySocket(address, { database: name, user: RESETTER }));
      session.catch(() => {});
      sessions.set(name, session);
    }
    return session;
  };
  const endSession = async (name: string): Promise<void> => {
    const session = sessions.get(name);
    sessions.delete(name);
    await session?.then(
      (client) => client.end(),
      () => {},
    );
  };
  return {
    async clone({ first, count }) {
      const names = Array.from({ length: count }, (_, n) => `${PREFIX}postern_${first + n}`);
      for (const name of names) {
        await master.query(`CREATE DATABASE ${name} OWNER ${OWNER} TEMPLATE ${template} STRATEGY FILE_COPY`);
        await master.query(
          `REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT ON DATABASE ${name} TO ${RESETTER}`,
        );
      }
      return names;
    },
    prepareReset(name) {
      if (sessions.has(name)) return;
      // A failure shows at the reset.
      void sessionOf(name)
        .then(warmReset)
        .catch(() => {});
    },
    async reset(name, options) {
      return await resetDatabase(await sessionOf(name), options);
    },
    async drop(names) {
      for (const name of names) {
        await endSession(name);
        await master.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }
    },
    async close() {
      for (const name of [...sessions.keys()]) await endSession(name);
      await master.end();
    },
  };
}
