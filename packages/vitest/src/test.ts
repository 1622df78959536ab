import { test as base, type TestAPI } from 'vitest';
import { connectedWorker, inWorker } from './connected-worker.ts';
import type { DatabaseLease, DatabaseView } from './database-lease.ts';
import { endShared, reportEnd } from './end-report.ts';
import type { PosternFixtures } from './fixtures.ts';
import { noticed } from './noticed.ts';
import {
  type IsolationMode,
  keeps,
  type Scope,
  type TestOptions,
  type TestSettings,
  testSettings,
} from './options.ts';
import { presentable } from './presentable-error.ts';
import { sqlOn } from './sql.ts';
import { hasFailed, type RunningTest } from './task-meta.ts';
import { openTestClient } from './test-client.ts';
import { TestRecord } from './test-record.ts';
import type { WorkerSession } from './worker-session.ts';

interface Tools {
  onCleanup(cleanup: () => Promise<void>): void;
}

/** vitest's builder form, for scopes that are known at run time only. */
interface Extendable {
  extend(
    name: string,
    options: { scope?: 'test' | 'file' | 'worker'; auto?: boolean },
    fixture: (context: never, tools: Tools) => unknown,
  ): Extendable;
}

/**
 * vitest's `test` with databases of its own: scope, isolation, role and seed by a word. What is not said holds as
 * `postern()` says it in the configuration.
 *
 * ```ts
 * const test = testWith({ scope: 'test', seed: twoTenants });
 * ```
 *
 * @throws PosternVitestError `VITEST_OPTIONS_INVALID`
 */
export function testWith<S extends Scope = 'file', I extends IsolationMode = 'reset'>(
  options: TestOptions<S, I> = {},
): TestAPI<PosternFixtures<S, I>> {
  const provided = inWorker();
  const settings = provided === undefined ? undefined : testSettings(options, provided.defaults);
  if (settings !== undefined) fetchAhead(settings);
  const { scope = 'file', isolation = 'reset' } = settings ?? options;
  const lifetime = scope === 'run' ? 'worker' : scope;

  const worker = (): WorkerSession => connectedWorker();
  const own = (): TestSettings => settings ?? testSettings(options, worker().provided.defaults);

  let api = (base as unknown as Extendable)
    .extend(
      '$worker',
      { scope: lifetime === 'test' ? 'file' : lifetime, auto: true },
      // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixture's dependencies from this pattern
      ({}: object, { onCleanup }) => {
        if (inWorker() !== undefined) onCleanup(worker().retain());
      },
    )
    .extend('$record', { auto: true }, ({ task }: { task: RunningTest }, { onCleanup }) => {
      if (inWorker() === undefined) return undefined;
      const record = new TestRecord(worker(), own(), task);
      onCleanup(async () => record.finish());
      return record;
    });

  if (lifetime === 'test') {
    api = api.extend(
      '$lease',
      { scope: 'test' },
      async ({ task, $record }: { task: RunningTest; $record: TestRecord }, { onCleanup }) =>
        await shown(async () => {
          const lease = await $record.waiting(async () => await worker().next(own()));
          onCleanup(async () => {
            const failed = hasFailed(task);
            const report = await lease.end({ failed, keep: keeps(own(), failed) });
            reportEnd(report, own().leaks, task);
          });
          return lease;
        }),
    );
  } else {
    api = api.extend(
      '$lease',
      { scope: lifetime },
      // biome-ignore lint/correctness/noEmptyPattern: as above
      async ({}: object, { onCleanup }) =>
        await shown(async () => {
          const slot = worker().slot(own());
          const giveUp = slot.retain();
          try {
            const lease = await slot.wait();
            onCleanup(async () => await endShared(worker(), slot, giveUp));
            return lease;
          } catch (error) {
            await giveUp();
            throw error;
          }
        }),
    );
  }

  type Lease = { $lease: DatabaseLease };
  type View = { $view: DatabaseView };
  api = api
    .extend('$view', { scope: lifetime }, ({ $lease }: Lease) => $lease.view(own()))
    .extend('database', { scope: lifetime }, ({ $view }: View) => $view.database)
    .extend(
      'pool',
      { scope: lifetime },
      async ({ $view }: View) =>
        await shown(async () => {
          worker().wantsSessions = true;
          return $view.pool();
        }),
    )
    .extend(
      'databaseUrl',
      { scope: lifetime },
      async ({ $view }: View) => await shown(async () => await $view.database.url()),
    )
    .extend('otherDatabase', { scope: lifetime }, ({ $view }: View) => {
      return async (other: string | { name: string }) =>
        await shown(async () => await $view.other(typeof other === 'string' ? other : other.name));
    })
    .extend(
      'client',
      { scope: 'test' },
      async ({ $lease, $view, task }: Lease & View & { task: RunningTest }, { onCleanup }) =>
        await shown(async () => {
          worker().wantsSessions = true;
          const { client, close } = await openTestClient($lease, $view, task);
          onCleanup(close);
          return client;
        }),
    )
    .extend('queries', { scope: 'test' }, ({ $lease }: Lease, { onCleanup }) => {
      const log = $lease.observer.startLog({ database: $lease.name });
      onCleanup(async () => log.stop());
      return log;
    });
  api =
    isolation === 'transaction'
      ? api.extend('sql', { scope: 'test' }, ({ client }: { client: never }) => sqlOn(client))
      : api.extend(
          'sql',
          { scope: lifetime },
          async ({ $view }: View) =>
            await shown(async () => {
              worker().wantsSessions = true;
              return $view.sql();
            }),
        );
  const collects = (): void => {
    if (inWorker() !== undefined) worker().collected.push(own());
  };
  return noticed(api as unknown as TestAPI<PosternFixtures<S, I>>, collects);
}

function fetchAhead(settings: TestSettings): void {
  const worker = connectedWorker();
  if (settings.scope === 'test') worker.feed(settings).catch(() => undefined);
  else worker.slot(settings).prefetch();
}

async function shown<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw presentable(error);
  }
}

/** vitest's `test` with databases, as the configuration says it; without configuration one for each file. */
export const test: TestAPI<PosternFixtures> = testWith();

/**
 * The same as {@link test}.
 * @alias test
 */
export const it: TestAPI<PosternFixtures> = test;
