import { attachHost, connectHost, type HostClient, pgConfig } from '@postern/connect/host';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type InlineProject, inlineProject, leaveNote, type RunningVitest, shop } from './inline-project.ts';
import { HOST_GONE_WITHIN_MS, hostHasGone } from './left-behind.ts';

/*
 * vitest is gone one millisecond after Ctrl-C, without teardown. What it used must go all the same, by the host.
 */

interface Note {
  provided: { controlSocket: string; run: string };
  database: string;
  worker: number;
}

let project: InlineProject;
let bystander: HostClient | undefined;

beforeEach(async () => {
  project = await inlineProject({
    ...shop,
    'apps/shop/test/endless.test.ts': `
      import { inject, test } from '@postern/vitest';
      import { Client } from 'pg';
      test('never ends', async ({ database }) => {
        const client = new Client(database.as('shop_app'));
        client.on('error', () => {});
        await client.connect();
        await client.query("BEGIN; INSERT INTO articles VALUES (1, 'soap')");
        ${leaveNote('here', `{ provided: inject('postern'), database: database.name, worker: process.pid }`)};
        await new Promise(() => {});
      }, 600_000);
    `,
  });
});
afterEach(async () => {
  await bystander?.close();
  bystander = undefined;
  await project.remove();
});

async function startEndless(): Promise<{ vitest: RunningVitest; note: Note }> {
  const vitest = project.start();
  return { vitest, note: await project.note<Note>('here', vitest) };
}

const kills: ReadonlyArray<[string, (vitest: RunningVitest) => void]> = [
  ['Ctrl-C', (vitest) => vitest.signalGroup('SIGINT')],
  ['SIGTERM of vitest alone', (vitest) => vitest.process.kill('SIGTERM')],
  ['SIGKILL of vitest alone', (vitest) => vitest.process.kill('SIGKILL')],
  ['SIGKILL of vitest and its workers', (vitest) => vitest.signalGroup('SIGKILL')],
];

test.each(kills)('after %s no server, session, database or folder is left', async (_name, kill) => {
  const { vitest, note } = await startEndless();
  kill(vitest);
  await vitest.ended;
  await hostHasGone(note.provided.controlSocket);
});

test.each(kills)('after %s the databases go though another client keeps the host', async (_name, kill) => {
  const { vitest, note } = await startEndless();
  bystander = await connectHost({ root: project.root });
  expect(bystander.info.controlSocket).toBe(note.provided.controlSocket);
  const { run } = await bystander.prepareRun({ database: 'shop', workers: 1 });
  const mine = await bystander.acquire({ run, key: '1' });
  expect(await testDatabases(bystander, mine)).toContain(note.database);

  kill(vitest);
  await vitest.ended;
  await vi.waitFor(
    async () => expect(await testDatabases(bystander as HostClient, mine)).toEqual([mine.name]),
    { timeout: HOST_GONE_WITHIN_MS, interval: 50 },
  );
});

test('the next run after a kill works', async () => {
  const { vitest } = await startEndless();
  vitest.process.kill('SIGKILL');
  await project.write({
    'apps/shop/test/endless.test.ts': `
      import { expect, test } from '@postern/vitest';
      test('starts again', ({ database }) => { expect(database.name).toMatch(/^pt_/); });
    `,
  });
  const { code, output } = await project.start().ended;
  expect(output).toContain('1 passed');
  expect(code).toBe(0);
});

test('a worker alone does not keep a run', async () => {
  const { vitest, note } = await startEndless();
  const worker = await attachHost({ controlSocket: note.provided.controlSocket });
  vitest.signalGroup('SIGKILL');
  await vitest.ended;
  await hostHasGone(note.provided.controlSocket);
  await worker.close();
});

/** The test databases on the cluster, as any login sees them. */
async function testDatabases(
  host: HostClient,
  mine: { name: string; roles: Readonly<Record<string, string>> },
): Promise<string[]> {
  const client = new Client(pgConfig(host, { database: mine.name, user: mine.roles['shop_app'] ?? '' }));
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>(
      String.raw`SELECT datname FROM pg_database WHERE datname LIKE 'pt\_%' ORDER BY 1`,
    );
    return rows.map(({ datname }) => datname);
  } finally {
    await client.end();
  }
}
