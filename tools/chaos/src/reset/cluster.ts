import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PostgresServer, startPostgres } from '@postern/local-cloud';
import { installReset } from '@postern/test-databases/server';
import pg from 'pg';

/** Roles as the bootstrap makes them: an owner of everything, an app, and the login that resets. */
export const roles = { owner: 'chaos_owner', app: 'chaos_app', caller: 'chaos_caller' } as const;

export interface ResetCluster extends AsyncDisposable {
  readonly server: PostgresServer;
  open(user: string, database: string): Promise<pg.Client>;
  admin(sql: string): Promise<void>;
  /** Fills and prepares a template. By a superuser it sees DDL by event triggers, by the master of RDS by fingerprints. */
  template(name: string, sql: readonly string[], by: 'master' | 'superuser'): Promise<void>;
}

export async function startResetCluster(): Promise<ResetCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'ptc-'));
  const cacheDir = fileURLToPath(new URL('../../../../.cache/postern', import.meta.url));
  const server = await startPostgres({
    cacheDir,
    runDir: folder,
    settings: { max_prepared_transactions: 10 },
  });
  const open = async (user: string, database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: server.socketDir, user, database });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const within = async (user: string, database: string, statements: readonly string[]): Promise<void> => {
    const client = await open(user, database);
    try {
      for (const sql of statements) await client.query(sql);
    } finally {
      await client.end();
    }
  };
  const { owner, app, caller } = roles;
  await within(server.master, 'postgres', [
    ...[owner, app, caller].map((role) => `CREATE ROLE ${role} LOGIN`),
    `GRANT ${owner} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE`,
  ]);
  return {
    server,
    open,
    admin: (sql) => within(server.superuser, 'postgres', [sql]),
    template: async (name, sql, by) => {
      await within(server.superuser, 'postgres', [`CREATE DATABASE ${name} OWNER ${owner}`]);
      const schemas = `DO $$DECLARE s name; BEGIN FOR s IN SELECT nspname FROM pg_namespace WHERE nspowner = '${owner}'::regrole LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO ${app}', s);
        EXECUTE format('GRANT ALL ON ALL TABLES IN SCHEMA %I TO ${app}', s);
        EXECUTE format('GRANT ALL ON ALL SEQUENCES IN SCHEMA %I TO ${app}', s); END LOOP; END$$`;
      await within(owner, name, [...sql, schemas, 'ANALYZE']);
      const session = await open(by === 'master' ? server.master : server.superuser, name);
      try {
        const { resettable, reasons } = await installReset(session, { owner, callers: [caller] });
        if (!resettable) throw new Error(`the template cannot be reset: ${reasons.join('; ')}`);
      } finally {
        await session.end();
      }
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
