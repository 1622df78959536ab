/*
 * The setup file that `postern()` adds: it runs in the worker before each test file. What `test.env` cannot do is done here:
 * variables are taken away, and the URL of the file's database comes into the environment.
 */
import { aroundAll, inject } from 'vitest';
import { connectedWorker, inWorker } from './connected-worker.ts';
import { endShared } from './end-report.ts';
import { nowhereUrl } from './environment.ts';
import { isPosternVitestError } from './errors.ts';
import { testSettings } from './options.ts';
import { presentable } from './presentable-error.ts';
import type { RunningFile } from './task-meta.ts';

interface Task {
  readonly result?: { readonly state: string } | undefined;
  readonly tasks?: readonly Task[];
}

const plugin = inject('posternPlugin');
const provided = inWorker();
for (const name of plugin?.unset ?? []) delete process.env[name];
if (provided !== undefined && plugin?.databaseUrl !== undefined) await lead(plugin.databaseUrl);

/** Has the variable lead to the database that this file's tests share. */
async function lead(variable: string): Promise<void> {
  const worker = connectedWorker();
  const settings = testSettings({}, worker.provided.defaults);
  if (settings.scope === 'test' || settings.isolation === 'transaction') {
    process.env[variable] = nowhereUrl(
      `no-url-with-${settings.scope === 'test' ? 'scope-test' : 'transactions'}`,
    );
    return;
  }
  const release = worker.retain();
  const slot = worker.slot(settings);
  const giveUp = slot.retain();
  try {
    process.env[variable] = await urlOf(async () => await (await slot.wait()).view(settings).database.url());
  } catch (error) {
    await giveUp();
    await release();
    throw presentable(error);
  }
  // Around everything: fixtures of the file end after its `afterAll`, and sessions with the database end in both.
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures that a hook needs from this pattern
  aroundAll(async (runSuite, {}, suite) => {
    try {
      await runSuite();
    } finally {
      slot.tell(suite.file as unknown as RunningFile);
      slot.note(settings, anyFailed(suite as Task));
      await endShared(worker, slot, giveUp);
      await release();
    }
  });
}

/** Tests that name a role of their own do not need that there is one of the suite. */
async function urlOf(ask: () => Promise<string>): Promise<string> {
  try {
    return await ask();
  } catch (error) {
    if (isPosternVitestError(error) && error.code === 'VITEST_ROLE_NEEDED') return nowhereUrl('name-a-role');
    throw error;
  }
}

function anyFailed(task: Task): boolean {
  return task.result?.state === 'fail' || (task.tasks ?? []).some(anyFailed);
}
