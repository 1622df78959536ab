import { channel } from 'node:diagnostics_channel';
import { availableParallelism } from 'node:os';
import { connectHost, type HostClient, type HostEvent } from '@postern/connect/host';
import type { TestProject } from 'vitest/node';
import { declaredDatabase } from './database-declaration.ts';
import { type SuiteDefaults, suiteDefaults } from './options.ts';
import type { PluginDefaults } from './plugin-options.ts';
import { presentable } from './presentable-error.ts';
import type { ProvidedPostern } from './provided-context.ts';
import { hostChannel } from './reporter/meta.ts';

export type { ProvidedPostern } from './provided-context.ts';

/**
 * vitest's global setup: connects to the host process (and starts it when there is none), lets the bootstrap
 * apply what changed, prepares a run and tells the workers where to find it. `postern()` adds it by itself.
 *
 * vitest leaves without teardown on Ctrl-C, SIGTERM and SIGKILL, one millisecond after the signal. Nothing here
 * depends on it: the host holds the run for as long as this process holds its connection, and cleans up when
 * the operating system closes it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let host: HostClient | undefined;
  const events = channel(hostChannel);
  try {
    const { posternPlugin } = project.getProvidedContext() as { posternPlugin?: PluginDefaults };
    const defaults = suiteDefaults(posternPlugin?.options ?? {}, process.env['CI']);
    const database = await declaredDatabase(project);
    host = await connectHost({
      root: project.config.root,
      onEvent: (event: HostEvent) => events.publish(event),
    });
    return await startRuns(project, host, database, defaults);
  } catch (error) {
    // vitest runs no teardown for a setup that threw. Closing releases the run, too.
    await host?.close();
    throw presentable(error);
  }
}

/** Prepares the first run; before each rerun of watch mode its databases are reset, or another run takes its place. */
async function startRuns(
  project: TestProject,
  host: HostClient,
  database: string,
  defaults: SuiteDefaults,
): Promise<() => Promise<void>> {
  let generation = 1;
  let failed: ProvidedPostern['failed'];
  // Bootstraps first, if anything has changed since the last time.
  let { run } = await host.prepareRun(await wishes(project, database, defaults));
  const provide = (): void =>
    project.provide('postern', {
      controlSocket: host.info.controlSocket,
      run,
      database,
      environment: host.info.environment,
      root: project.config.root,
      defaults,
      generation,
      sharedProcess: !project.config.isolate,
      ...(failed === undefined ? {} : { failed }),
    });
  provide();
  let lost: unknown;
  void host.closed.then(({ reason }) => {
    lost = reason;
  });
  project.onTestsRerun(async () => {
    // A rejection would end the watcher, and half a sentence in a migration is what watching is for.
    try {
      ({ run } = await host.refreshRun(run));
      failed = undefined;
    } catch (error) {
      const { message, hint } = error as { message: string; hint?: string };
      failed = { message, ...(hint === undefined ? {} : { hint }) };
      project.vitest.logger.error(`\npostern: ${message}${hint === undefined ? '' : `\n\n${hint}`}\n`);
    }
    generation += 1;
    provide();
  });
  return async () => {
    // A host that went away is why tests have failed, and it took the run with it: that is worth saying.
    if (lost !== undefined) throw presentable(lost);
    try {
      await host.releaseRun(run);
    } finally {
      await host.close();
    }
  };
}

/** vitest 4 says nothing where the configuration says nothing, and this is what it does then. */
export function mostWorkers(configured: number | undefined, watch: boolean): number {
  const cores = availableParallelism();
  return configured ?? Math.max(1, watch ? Math.floor(cores / 2) : cores - 1);
}

/** No more workers than slots that can be in use at once. Each shard of `--shard` is a machine of its own. */
async function wishes(
  project: TestProject,
  database: string,
  { scope }: SuiteDefaults,
): Promise<Parameters<HostClient['prepareRun']>[0]> {
  const { config } = project;
  const { testFiles } = await project.globTestFiles();
  const shards = project.vitest.config.shard?.count ?? 1;
  const files = Math.ceil(testFiles.length / shards);
  const workers = Math.max(1, Math.min(mostWorkers(config.maxWorkers, config.watch), files));
  return {
    database,
    workers,
    shards,
    // One that a test uses, and one that is being made ready for the next.
    ...(scope === 'test' ? { pool: { depth: 2 * workers + 2 } } : {}),
  };
}
