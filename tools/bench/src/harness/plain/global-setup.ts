import { readFileSync } from 'node:fs';
import { startPostgres } from '@postern/local-cloud';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import type { TestProject } from 'vitest/node';

export interface PlainServer {
  readonly host: string;
  readonly database: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    plain: PlainServer;
  }
}

/**
 * What one writes by hand in an afternoon: a server, its roles, the migrations once, and one database for all files. The
 * server is the same embedded one, so that only the harness makes a difference.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { cacheDir, runDir, migrations } = JSON.parse(process.env['BENCH_PLAIN'] ?? '') as {
    cacheDir: string;
    runDir: string;
    migrations: string;
  };
  const server = await startPostgres({ cacheDir, runDir });
  const session = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: server.socketDir, user: server.superuser, database });
    await client.connect();
    return client;
  };
  const admin = await session('postgres');
  await admin.query(`CREATE ROLE ledger_owner;
    CREATE ROLE ledger_app LOGIN;
    CREATE ROLE ledger_readonly LOGIN;
    CREATE ROLE statements_reader LOGIN;`);
  await admin.query('CREATE DATABASE ledger OWNER ledger_owner');
  await admin.end();
  const migrating = await session('ledger');
  await migrating.query(readFileSync(new URL('prepare.sql', import.meta.url), 'utf8'));
  await runner({
    dbClient: migrating,
    dir: migrations,
    direction: 'up',
    migrationsTable: 'pgmigrations',
    migrationsSchema: 'bookkeeping',
    log: () => {},
  });
  await migrating.end();
  project.provide('plain', { host: server.socketDir, database: 'ledger' });
  return () => server.stop();
}
