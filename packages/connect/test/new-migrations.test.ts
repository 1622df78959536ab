import { join } from 'node:path';
import type { LocalCloud } from '@postern/local-cloud';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectHost } from '../src/host/connect-host.ts';
import type { HostClient } from '../src/host/host-client.ts';
import { pgConfig } from '../src/host/pg-config.ts';
import type { HostEvent } from '../src/host/protocol.ts';
import { openStaging, type Staging } from './fixtures/staging.ts';
import type { Workspace } from './fixtures/workspace.ts';

/** A cluster whose functions were deployed before the working tree got new migrations, as on AWS before a merge. */
const migrations = join('apps', 'ledger', 'database', 'migrations');
const bound = { timeout: 30_000, interval: 50 };

let staging: Staging | undefined;
let cloud: LocalCloud;
let workspace: Workspace;
let client: HostClient | undefined;
let events: HostEvent[] = [];

beforeAll(async () => {
  staging = await openStaging();
  ({ cloud, workspace } = staging);
});

afterEach(async () => {
  await client?.close();
  client = undefined;
  await vi.waitFor(() => expect(workspace.leftovers().filter(isOfAHost)).toEqual([]), bound);
  expect(await databases('^pt_')).toEqual([]);
});

afterAll(async () => await staging?.close());

const isOfAHost = (path: string): boolean => !/^postern-\d+(\/servers)?$/.test(path);

async function open(): Promise<HostClient> {
  events = [];
  client = await connectHost({ root: workspace.root, onEvent: (event) => events.push(event) });
  return client;
}

async function query(config: pg.ClientConfig, sql: string): Promise<Record<string, unknown>[]> {
  const session = new pg.Client(config);
  session.on('error', () => undefined);
  try {
    await session.connect();
    return (await session.query(sql)).rows;
  } finally {
    await session.end().catch(() => undefined);
  }
}

/** What nobody of the run may do: looks around in the cluster. */
const asSuperuser = (sql: string, database = 'postgres'): Promise<Record<string, unknown>[]> =>
  query({ ...cloud.postgres.superuserConfig(), database }, sql);

const databases = async (pattern: string): Promise<unknown[]> =>
  (await asSuperuser(`SELECT datname FROM pg_database WHERE datname ~ '${pattern}' ORDER BY 1`)).map(
    ({ datname }) => datname,
  );

const migratorLogins = (): number => cloud.statistics().front.byUser['pt_ledger_migrator'] ?? 0;

describe('migrations that no deployed artefact knows', () => {
  it('are run through the tunnel and published; the run gets them with roles and grants, the real database does not', async () => {
    workspace.write(
      join(migrations, '0002_currency.sql'),
      `ALTER TABLE accounts ADD COLUMN currency text NOT NULL DEFAULT 'EUR';`,
    );
    workspace.write(
      join(migrations, '0003_entries.ts'),
      `import type { MigrationBuilder } from 'node-pg-migrate';
export const up = (pgm: MigrationBuilder): void => { pgm.createTable('entries', { id: 'id' }); };`,
    );
    const real = 'SELECT name FROM postern.migrations';
    const before = await asSuperuser(real, 'ledger');
    const host = await open();
    const { run, created, built } = await host.prepareRun({ database: 'ledger', workers: 2 });
    expect({ created, built }).toEqual({ created: 1, built: true });
    expect(events.find(({ phase, state }) => phase === 'prepare' && state === 'done')).toMatchObject({
      detail: 'ledger, migrated from here, published',
      counts: { migrations: 3, databases: 1, 'round trips': 2 },
    });
    expect(migratorLogins()).toBe(1);
    await vi.waitFor(() => {
      const { front, ssm } = cloud.statistics();
      const probes = 1; // for direct TLS: a handshake and no login
      // The functions came without the tunnel: as the master, and as the migrator of what was deployed.
      expect(front.connections - ssm.muxStreams + probes).toBe(
        front.passwordLogins + (front.byUser['ledger_migrator'] ?? 0),
      );
    }, bound);

    const { name, roles } = await host.acquire({ run, key: '1' });
    const as = (role: string): pg.ClientConfig =>
      pgConfig(host, { database: name, user: roles[role] as string });
    expect(
      await query(as('ledger_app'), 'INSERT INTO accounts VALUES (1) RETURNING currency, current_user'),
    ).toEqual([{ currency: 'EUR', current_user: 'ledger_app' }]);
    await query(as('ledger_app'), 'INSERT INTO entries DEFAULT VALUES');
    expect(await query(as('ledger_readonly'), 'SELECT id FROM entries')).toEqual([{ id: 1 }]);
    const refused = { code: '42501' };
    await expect(query(as('ledger_readonly'), 'DELETE FROM entries')).rejects.toMatchObject(refused);
    await expect(query(as('ledger_app'), 'DROP TABLE entries')).rejects.toMatchObject(refused);
    await expect(query(as('ledger_app'), real)).rejects.toMatchObject(refused);

    expect(await asSuperuser(real, 'ledger')).toEqual(before);
    expect(await asSuperuser(`SELECT to_regclass('entries') AS found`, 'ledger')).toEqual([{ found: null }]);
  });

  it('are not run again for the same hash, neither for another run nor for a further database', async () => {
    const before = migratorLogins();
    const host = await open();
    const { run, built } = await host.prepareRun({ database: 'ledger', workers: 1 });
    expect(built).toBe(false);
    const acquired = await Promise.all(['1', '2'].map((key) => host.acquire({ run, key })));
    expect(new Set(acquired.map(({ name }) => name)).size).toBe(2);
    expect(migratorLogins()).toBe(before);
  });

  it('lead to one template when two runs bring them at once', async () => {
    workspace.write(join(migrations, '0004_tags.sql'), 'CREATE TABLE tags (id int);');
    const before = await databases('^ptt_');
    const host = await open();
    const runs = await Promise.all([1, 2].map(() => host.prepareRun({ database: 'ledger', workers: 1 })));
    for (const { run } of runs) {
      const { name, roles } = await host.acquire({ run, key: '1' });
      const config = pgConfig(host, { database: name, user: roles['ledger_app'] as string });
      expect(await query(config, 'SELECT * FROM tags')).toEqual([]);
    }
    expect(await databases('^ptt_')).toHaveLength(before.length + 1);
  });

  it.each([
    ['SQL', '0005_broken.sql', 'SELECT 1;\nSELECT * FROM nowhere;', { sqlState: '42P01', line: 2 }],
    ['TypeScript', '0005_broken.ts', `export const up = (): void => { throw new Error('not yet'); };`, {}],
  ])(
    'that fail are named with file and cause, and nothing is left: %s',
    async (_, file, content, details) => {
      const before = await databases('^ptt?_');
      workspace.write(join(migrations, file), content);
      try {
        const host = await open();
        const failing = host.prepareRun({ database: 'ledger', workers: 1 });
        await expect(failing).rejects.toMatchObject({
          name: 'BootstrapError',
          code: 'BOOTSTRAP_MIGRATION_FAILED',
          message: expect.stringContaining(file),
          hint: expect.stringContaining('nothing else was touched'),
          details: { database: 'ledger', file, ...details },
        });
        // While the host still runs.
        expect(await databases('^ptt?_')).toEqual(before);
        expect(workspace.leftovers().filter((path) => path.includes('migrations/'))).toEqual([]);
      } finally {
        workspace.remove(join(migrations, file));
      }
    },
  );

  it('end with the client that brought them, in the middle of a statement', async () => {
    const file = join(migrations, '0005_long.sql');
    workspace.write(file, 'SELECT pg_sleep(600);');
    try {
      const host = await open();
      const preparing = host.prepareRun({ database: 'ledger', workers: 1 }).catch((error: unknown) => error);
      const underWay = `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'postern migrations %' AND wait_event = 'PgSleep'`;
      await vi.waitFor(async () => expect(await asSuperuser(underWay)).toHaveLength(1), bound);
      await host.close();
      expect(await preparing).toBeInstanceOf(Error);
    } finally {
      workspace.remove(file);
    }
  });

  it('are not enough when the declaration differs too: that has to be deployed', async () => {
    const file = join('apps', 'ledger', 'database', 'database.ts');
    workspace.write(
      file,
      `import { defineDatabase } from '@postern/bootstrap';
export default defineDatabase({ name: 'ledger', roles: { ledger_app: 'readwrite', ledger_other: 'readonly' } });`,
    );
    const before = migratorLogins();
    const host = await open();
    await expect(host.prepareRun({ database: 'ledger', workers: 1 })).rejects.toMatchObject({
      code: 'CONNECT_RUN_FAILED',
      kind: 'conflict',
      message: expect.stringContaining('declaration of "ledger"'),
    });
    expect(migratorLogins()).toBe(before);
  });
});
