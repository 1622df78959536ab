import { test as base, type TestAPI } from 'vitest';
import { connectedWorker, inWorker } from './connected-worker.ts';
import type { DatabaseLease } from './database-lease.ts';
import { endShared, reportEnd } from './end-report.ts';
import type { PosternFixtures } from './fixtures.ts';
import {
  type IsolationMode,
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
          onCleanup(async () => reportEnd(lease, await lease.end({ failed: hasFailed(task) }), task));
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

  type WithLease = { $lease: DatabaseLease };
  api = api
    .extend('database', { scope: lifetime }, ({ $lease }: WithLease) => $lease.database)
    .extend(
      'pool',
      { scope: lifetime },
      async ({ $lease }: WithLease) =>
        await shown(async () => {
          worker().wantsSessions = true;
          return $lease.pool();
        }),
    )
    .extend(
      'databaseUrl',
      { scope: lifetime },
      async ({ $lease }: WithLease) => await shown(async () => await $lease.database.url()),
    )
    .extend('otherDatabase', { scope: lifetime }, ({ $lease }: WithLease) => {
      return async (other: string | { name: string }) =>
        await shown(async () => await $lease.other(typeof other === 'string' ? other : other.name));
    })
    .extend(
      'client',
      { scope: 'test' },
      async ({ $lease, task }: WithLease & { task: RunningTest }, { onCleanup }) =>
        await shown(async () => {
          worker().wantsSessions = true;
          const { client, close } = await openTestClient($lease, task);
          onCleanup(close);
          return client;
        }),
    )
    .extend('queries', { scope: 'test' }, ({ $lease }: WithLease, { onCleanup }) => {
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
          async ({ $lease }: WithLease) =>
            await shown(async () => {
              worker().wantsSessions = true;
              return $lease.sql();
            }),
        );
  return api as unknown as TestAPI<PosternFixtures<S, I>>;
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
