import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { attachHost, connectHost, type HostClient, pgConfig } from '@postern/connect/host';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type InlineProject, inlineProject, leaveNote, type RunningVitest, shop } from './inline-project.ts';
import { HOST_GONE_WITHIN_MS, hostHasGone, noProcessIn } from './left-behind.ts';

/*
 * vitest is gone one millisecond after Ctrl-C, without teardown. What it used must go all the same, by the host.
 */

interface Note {
  provided: { controlSocket: string };
  database: string;
}

const endless = `
  import { inject, test } from '@postern/vitest';
  import { Client } from 'pg';
  test('never ends', async ({ database }) => {
    const client = new Client(database.as('shop_app'));
    client.on('error', () => {});
    await client.connect();
    await client.query("BEGIN; INSERT INTO articles VALUES (1, 'soap')");
    ${leaveNote('here', `{ provided: inject('postern'), database: database.name }`)};
    await new Promise(() => {});
  }, 600_000);
`;

const once = `
  import { expect, test } from '@postern/vitest';
  test('starts again', ({ database }) => { expect(database.name).toMatch(/^pt_/); });
`;

let project: InlineProject;

async function startEndless(): Promise<{ vitest: RunningVitest; note: Note }> {
  const vitest = project.start();
  return { vitest, note: await project.takeNote<Note>('here', vitest) };
}

/** A test that tells where it is and goes on when it is told to. */
const waiting = (name: string): string => `
  import { existsSync } from 'node:fs';
  import { expect, inject, test } from '@postern/vitest';
  test('${name}', async ({ sql, database }) => {
    await sql\`INSERT INTO articles VALUES (1, 'soap')\`;
    ${leaveNote(`here-${name}`, `{ provided: inject('postern'), database: database.name, pid: process.pid }`)};
    await expect.poll(() => existsSync('go'), { timeout: 100_000 }).toBe(true);
    expect(await sql\`SELECT id FROM articles\`).toEqual([{ id: 1 }]);
  }, 120_000);
`;

describe('alone on its host', () => {
  beforeEach(async () => {
    project = await inlineProject({ ...shop, 'apps/shop/test/one.test.ts': endless });
  });
  afterEach(async () => {
    await project.remove();
  });

  test('after Ctrl-C no server, session, database or folder is left; after SIGKILL neither, though a worker holds on; the next run works', async () => {
    const first = await startEndless();
    first.vitest.signalGroup('SIGINT');
    await first.vitest.ended;
    await hostHasGone(first.note.provided.controlSocket);

    const { vitest, note } = await startEndless();
    const worker = await attachHost({ controlSocket: note.provided.controlSocket });
    vitest.signalGroup('SIGKILL');
    await vitest.ended;

    await project.write({ 'apps/shop/test/one.test.ts': once });
    const { code, output } = await project.start().ended;
    expect(output).toContain('1 passed');
    expect(code).toBe(0);
    await hostHasGone(note.provided.controlSocket);
    await worker.close();
  });

  test('a killed host is named as the reason why tests failed, and the next run starts another', async () => {
    await project.write({
      'apps/shop/test/one.test.ts': `
        import { once } from 'node:events';
        import { inject, test } from '@postern/vitest';
        import { Client } from 'pg';
        test('loses its server', async ({ database }) => {
          const client = new Client(database.as('shop_app'));
          await client.connect();
          ${leaveNote('here', `{ provided: inject('postern'), database: database.name }`)};
          await once(client, 'end');
          await new Client(database.as('shop_app')).connect();
        }, 60_000);
      `,
    });
    const vitest = project.start();
    const { provided } = await project.takeNote<Note>('here', vitest);
    const host = await attachHost({ controlSocket: provided.controlSocket });
    process.kill(host.info.pid, 'SIGKILL');
    const { code, output } = await vitest.ended;
    expect(code).toBe(1);
    expect(output).toContain('Connection terminated unexpectedly');
    expect(output).toContain('The connection to the host process ended.');
    expect(output).toContain('Run again');
    await noProcessIn(dirname(provided.controlSocket));

    await project.write({ 'apps/shop/test/one.test.ts': once });
    expect((await project.start().ended).output).toContain('1 passed');
    await hostHasGone(provided.controlSocket);
  });
});

describe('on a host that another client keeps', () => {
  let bystander: HostClient;
  let watch: DatabaseWatch;
  beforeAll(async () => {
    project = await inlineProject(shop);
    bystander = await connectHost({ root: project.root });
    watch = await watchDatabases(bystander);
  });
  afterEach(async () => {
    for (const left of ['apps/shop/test', 'go']) {
      await rm(join(project.root, left), { recursive: true, force: true });
    }
  });
  afterAll(async () => {
    await bystander?.close();
    await project?.remove();
  });

  test('however a run is killed, its databases go though another client keeps the host', async () => {
    await project.write({ 'apps/shop/test/one.test.ts': endless });
    const kills: Readonly<Record<string, (vitest: RunningVitest) => void>> = {
      'Ctrl-C': (vitest) => vitest.signalGroup('SIGINT'),
      'SIGTERM of vitest alone': (vitest) => void vitest.process.kill('SIGTERM'),
      'SIGKILL of vitest alone': (vitest) => void vitest.process.kill('SIGKILL'),
      'SIGKILL of vitest and its workers': (vitest) => vitest.signalGroup('SIGKILL'),
    };
    for (const [name, kill] of Object.entries(kills)) {
      const { vitest, note } = await startEndless();
      expect(note.provided.controlSocket, name).toBe(bystander.info.controlSocket);
      expect(await watch.others(), name).toContain(note.database);
      kill(vitest);
      await vitest.ended;
      await watch.noOthers(name);
    }
  });

  test('a worker that is killed takes its database along, and neither other files nor the run', async () => {
    await project.write({
      'apps/shop/test/one.test.ts': waiting('one'),
      'apps/shop/test/two.test.ts': waiting('two'),
    });
    const vitest = project.start();
    const [one] = await Promise.all([
      project.takeNote<{ pid: number }>('here-one', vitest),
      project.takeNote('here-two', vitest),
    ]);
    process.kill(one.pid, 'SIGKILL');
    await project.write({ go: '' });
    const { code, output } = await vitest.ended;
    expect(output).toMatch(/Tests .*1 passed/);
    expect(output).toMatch(/Worker .*exited unexpectedly|terminated/i);
    expect(code).toBe(1);
    await watch.noOthers('after the run');
  });

  test('of two shards on one cluster one is killed: the other is unharmed, and nothing of either is left', async () => {
    await project.write({
      'apps/shop/test/one.test.ts': waiting('one'),
      'apps/shop/test/two.test.ts': waiting('two'),
    });
    const shards = ['1/2', '2/2'].map((shard) => project.start({ args: [`--shard=${shard}`] }));
    // Which shard has which file is vitest's business: the first to be found is killed, whichever it is.
    const notes = await Promise.all(
      ['one', 'two'].map(
        async (name) =>
          await Promise.any(
            shards.map(
              async (shard) => await project.takeNote<Note & { pid: number }>(`here-${name}`, shard),
            ),
          ),
      ),
    );
    expect(new Set(notes.map(({ database }) => database)).size).toBe(2);
    const [killed, other] = shards;
    killed?.signalGroup('SIGKILL');
    await killed?.ended;
    await vi.waitFor(
      async () =>
        expect((await watch.others()).filter((name) => notes.some((n) => n.database === name))).toHaveLength(
          1,
        ),
      { timeout: HOST_GONE_WITHIN_MS, interval: 50 },
    );
    await project.write({ go: '' });
    const result = await other?.ended;
    expect(result?.output).toMatch(/Tests .*1 passed/);
    expect(result?.code).toBe(0);
    await watch.noOthers('after both');
  });

  // The last one: its migration makes the template another one.
  test('a crash of the server costs the file that is at work, and no later one gets a dirty database', async () => {
    await project.write({
      'apps/shop/database/migrations/0002_settings.sql':
        "CREATE UNLOGGED TABLE settings (name text PRIMARY KEY); INSERT INTO settings VALUES ('vat');",
      'apps/shop/test/one.test.ts': `
        import { once } from 'node:events';
        import { test } from '@postern/vitest';
        import { Client } from 'pg';
        import { vi } from 'vitest';
        test('loses its session', async ({ database, sql }) => {
          await sql\`INSERT INTO articles VALUES (1, 'soap')\`;
          const [victim, witness] = [new Client(database.as('shop_app')), new Client(database.as('shop_app'))];
          for (const client of [victim, witness]) await client.connect();
          victim.on('error', () => {});
          const { rows } = await victim.query('SELECT pg_backend_pid() AS pid');
          const noticed = once(witness, 'error');
          process.kill(rows[0].pid, 'SIGKILL');
          await noticed;
          await vi.waitFor(async () => {
            const client = new Client(database.as('shop_app'));
            await client.connect();
            await client.end();
          }, { timeout: 60_000 });
          ${leaveNote('crashed', '{}')};
        });
      `,
      // Asks when the server is just back.
      'apps/shop/test/two.test.ts': `
        import { existsSync } from 'node:fs';
        import { expect, vi } from 'vitest';
        await vi.waitUntil(() => existsSync('crashed.json'), { timeout: 60_000 });
        const { testWith } = await import('@postern/vitest');
        const test = testWith({ scope: 'test' });
        test.for([1, 2, 3, 4, 5, 6])('finds what the migrations made: %i', async (n, { sql }) => {
          expect(await sql\`SELECT name FROM settings\`).toEqual([{ name: 'vat' }]);
          expect(await sql\`SELECT id FROM articles\`).toEqual([]);
          await sql\`INSERT INTO articles VALUES (\${n}, 'soap')\`;
        });
      `,
    });
    const { code, output } = await project.start().ended;
    expect(output).toMatch(/Tests .*7 passed/);
    expect(code).toBe(0);
    await watch.noOthers('after the run');
  });
});

interface DatabaseWatch {
  /** The test databases of other runs on the cluster, as any login sees them. */
  others(): Promise<string[]>;
  /** Waits until none is left. */
  noOthers(why: string): Promise<void>;
}

async function watchDatabases(host: HostClient): Promise<DatabaseWatch> {
  const { run } = await host.prepareRun({ database: 'shop', workers: 1 });
  const { name, roles } = await host.acquire({ run, key: '1' });
  const own = name.replace(/\d+$/, ''); // a run's pool has more than its clients see
  const others = async (): Promise<string[]> => {
    const client = new Client(pgConfig(host, { database: name, user: roles['shop_app'] ?? '' }));
    client.on('error', () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query<{ datname: string }>(
        String.raw`SELECT datname FROM pg_database WHERE datname LIKE 'pt\_%' ORDER BY 1`,
      );
      return rows.map(({ datname }) => datname).filter((each) => !each.startsWith(own));
    } finally {
      await client.end();
    }
  };
  return {
    others,
    noOthers: async (why) =>
      await vi.waitFor(async () => expect(await others(), why).toEqual([]), {
        timeout: HOST_GONE_WITHIN_MS,
        interval: 50,
      }),
  };
}
