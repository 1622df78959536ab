import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '@postern/local-cloud';
import pg from 'pg';
import { hashContents, installReset, type ResetInstallation, resetDatabase } from '../../src/server/index.ts';

export const owner = 'Shop "Owner"';
export const app = 'shop_app';
export const caller = 'pt_lease';

export const pidOf = (client: pg.Client): number => (client as unknown as { processID: number }).processID;

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Who prepares templates: the master of RDS sees DDL by fingerprints only, a superuser by event triggers. */
export type By = 'master' | 'superuser';

export interface Cluster extends AsyncDisposable {
  readonly server: PostgresServer;
  open(user: string, database: string): Promise<pg.Client>;
  /** A template that holds what the SQL makes as the owner, and then what `more` makes as a superuser. */
  template(
    by: By,
    sql: string,
    options?: { bigSeedRows?: number; more?: string },
  ): Promise<{ name: string; installation: ResetInstallation }>;
  clone(template: string): Promise<string>;
  /** Runs SQL in the database as a role, in a session of its own. */
  run(database: string, sql: string, user?: string): Promise<void>;
  /** One reset, in a session of its own that is over afterwards. */
  reset(database: string, keep?: number[]): ReturnType<typeof resetDatabase>;
  hash(database: string): Promise<string>;
}

export async function startCluster(settings: Record<string, string | number> = {}): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'ptr-'));
  const cacheDir = fileURLToPath(new URL('../../../../.cache/postern', import.meta.url));
  const major = process.env['POSTERN_TEST_POSTGRES']; // set by `npm run matrix`
  const server = await startPostgres({
    cacheDir,
    runDir: folder,
    settings,
    ...(major && { server: { folder: join(cacheDir, 'servers', major) } }),
  });
  const open = async (user: string, database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: server.socketDir, user, database });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const within = async <T>(
    user: string,
    database: string,
    work: (client: pg.Client) => Promise<T>,
  ): Promise<T> => {
    const client = await open(user, database);
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  const inherit = server.major >= 16 ? ' WITH INHERIT TRUE, SET TRUE' : '';
  await within(server.master, 'postgres', async (client) => {
    for (const sql of [
      `CREATE ROLE ${quoted(owner)} LOGIN`,
      `CREATE ROLE ${app} LOGIN`,
      `CREATE ROLE ${caller} LOGIN`,
      `GRANT ${quoted(owner)} TO CURRENT_USER${inherit}`,
    ])
      await client.query(sql);
  });
  const copied = server.major >= 15 ? ' STRATEGY FILE_COPY' : '';
  let made = 0;
  const cluster: Cluster = {
    server,
    open,
    template: async (by, sql, { more, ...options } = {}) => {
      const name = `template_${++made}`;
      const user = by === 'master' ? server.master : server.superuser;
      await within(user, 'postgres', (client) =>
        client.query(`CREATE DATABASE ${name} OWNER ${quoted(owner)}${copied}`),
      );
      if (sql) await within(owner, name, (client) => client.query(sql));
      if (more) await within(server.superuser, name, (client) => client.query(more));
      const installation = await within(user, name, async (client) => {
        return await installReset(client, { owner, callers: [caller], ...options });
      });
      return { name, installation };
    },
    clone: async (template) => {
      const name = `clone_${++made}`;
      await within(server.superuser, 'postgres', (client) =>
        client.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${quoted(owner)}${copied}`),
      );
      return name;
    },
    run: async (database, sql, user = owner) =>
      void (await within(user, database, (client) => client.query(sql))),
    reset: (database, keep) =>
      within(caller, database, (client) => resetDatabase(client, keep ? { keep } : {})),
    hash: (database) => within(server.superuser, database, hashContents),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return cluster;
}
