import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '@postern/local-cloud';
import pg from 'pg';
import { type EngineSession, hashOf, type TestDatabasesOptions } from '../../src/index.ts';

/** A server on which nothing of ours is yet. */
export async function startPlainServer(
  settings: Record<string, string> = {},
): Promise<PostgresServer & { remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'pte-'));
  const cacheDir = fileURLToPath(new URL('../../../../.cache/postern', import.meta.url));
  const major = process.env['POSTERN_TEST_POSTGRES']; // set by `npm run matrix`
  const server = await startPostgres({
    cacheDir,
    runDir: folder,
    settings,
    ...(major && { server: { folder: join(cacheDir, 'servers', major) } }),
  });
  const remove = async (): Promise<void> => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { ...server, remove };
}

export async function connectTo(host: string, user: string, database: string): Promise<pg.Client> {
  const client = new pg.Client({ host, user, database });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export const schema = `
  CREATE TABLE customer (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
  CREATE TABLE invoice (id serial PRIMARY KEY, customer int REFERENCES customer, amount numeric);
  INSERT INTO customer (name) SELECT 'customer ' || n FROM generate_series(1, 100) n;`;

/** What a user writes. */
export function optionsFor(host: string, user: string): TestDatabasesOptions {
  return {
    connect: (database = 'postgres') => connectTo(host, user, database),
    name: 'shop',
    template: {
      hash: hashOf(schema),
      fill: async (session: EngineSession) => {
        await session.query(schema);
      },
    },
  };
}
