/*
 * The setup file that `postern()` adds: it runs in the worker before each test file. What `test.env` cannot do is done here:
 * variables are taken away, and the URL of the file's database comes into the environment.
 */
import { aroundAll, inject } from 'vitest';
import { connectedWorker, inWorker } from './connected-worker.ts';
import { FileDatabaseUrl } from './file-url.ts';
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
  const release = worker.retain();
  const url = new FileDatabaseUrl(worker, variable);
  try {
    await url.begin(testSettings({}, worker.provided.defaults));
  } catch (error) {
    await release();
    throw presentable(error);
  }
  // Around everything: fixtures of the file end after its `afterAll`, and sessions with the database end in both.
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures that a hook needs from this pattern
  aroundAll(async (runSuite, {}, suite) => {
    try {
      await url.settle().catch((error: unknown) => {
        throw presentable(error);
      });
      await runSuite();
    } finally {
      await url.end(suite.file as unknown as RunningFile, anyFailed(suite as Task));
      await release();
    }
  });
}

function anyFailed(task: Task): boolean {
  return task.result?.state === 'fail' || (task.tasks ?? []).some(anyFailed);
}
