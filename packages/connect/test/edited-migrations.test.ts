import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { connectHost } from '../src/host/connect-host.ts';
import type { HostClient } from '../src/host/host-client.ts';
import type { HostEvent } from '../src/host/protocol.ts';
import { Workspace } from './fixtures/workspace.ts';

/** The real host: what it has applied offline, the working tree does not have any more. */
const migrations = join('apps', 'ledger', 'database', 'migrations');
const bound = { timeout: 30_000, interval: 50 };

let workspace: Workspace;
let client: HostClient | undefined;

beforeEach(() => {
  process.env['POSTERN_HOST_GRACE_MS'] = '0';
  workspace = new Workspace();
  workspace.declareDatabase();
});
afterEach(async () => {
  await client?.close();
  try {
    const isOfAHost = (path: string): boolean => !/^postern-\d+(\/servers)?$/.test(path);
    await vi.waitFor(() => expect(workspace.leftovers().filter(isOfAHost)).toEqual([]), bound);
  } finally {
    delete process.env['POSTERN_HOST_GRACE_MS'];
    workspace.dispose();
  }
});

it('offline, a migration can be edited, and a branch left, while the host lives', async () => {
  const events: HostEvent[] = [];
  const host = await connectHost({ root: workspace.root, onEvent: (event) => events.push(event) });
  client = host;
  const prepare = async (): Promise<string | undefined> => {
    events.splice(0);
    const { run } = await host.prepareRun({ database: 'ledger', workers: 1 });
    await host.acquire({ run, key: '1' });
    await host.releaseRun(run);
    return events.find(({ phase, state }) => phase === 'bootstrap' && state === 'done')?.detail;
  };
  workspace.write(join(migrations, '0002_new.sql'), 'CREATE TABLE news (id int);');
  expect(await prepare()).toBe('ledger');
  workspace.write(join(migrations, '0002_new.sql'), 'CREATE TABLE news (id bigint);');
  expect(await prepare()).toMatch(/^ledger; made anew, .*: ledger$/);
  workspace.remove(join(migrations, '0002_new.sql'));
  workspace.write(join(migrations, '0003_of_another_branch.sql'), 'CREATE TABLE tags (id int);');
  expect(await prepare()).toMatch(/^ledger; made anew/);
  expect(await prepare()).toBeUndefined();
});
