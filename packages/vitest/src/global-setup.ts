import { connectHost, type HostClient } from '@postern/connect/host';
import type { TestProject } from 'vitest/node';
import { declaredDatabase } from './database-declaration.ts';
import { presentable } from './presentable-error.ts';

export type { ProvidedPostern } from './provided-context.ts';

/**
 * vitest's global setup: connects to the host process (and starts it when there is none), lets the bootstrap
 * apply what changed, prepares a run and tells the workers where to find it.
 *
 * vitest leaves without teardown on Ctrl-C, SIGTERM and SIGKILL, one millisecond after the signal. Nothing here
 * depends on it: the host holds the run for as long as this process holds its connection, and cleans up when
 * the operating system closes it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let host: HostClient | undefined;
  try {
    const database = await declaredDatabase(project);
    host = await connectHost({ root: project.config.root });
    return await startRuns(project, host, database);
  } catch (error) {
    // vitest runs no teardown for a setup that threw. Closing releases the run, too.
    await host?.close();
    throw presentable(error);
  }
}

/** Prepares the first run, and another one before each rerun of watch mode. Returns the teardown. */
async function startRuns(
  project: TestProject,
  host: HostClient,
  database: string,
): Promise<() => Promise<void>> {
  let run = await startRun(project, host, database);
  let lost: unknown;
  void host.closed.then(({ reason }) => {
    lost = reason;
  });
  project.onTestsRerun(async () => {
    await host.releaseRun(run);
    run = await startRun(project, host, database);
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

async function startRun(project: TestProject, host: HostClient, database: string): Promise<string> {
  // Bootstraps first, if anything has changed since the last time.
  const { run } = await host.prepareRun({ database, workers: await workerSlots(project) });
  project.provide('postern', {
    controlSocket: host.info.controlSocket,
    run,
    database,
    environment: host.info.environment,
  });
  return run;
}

/** No more databases than slots that can be in use at once; should that be too few, the host clones another. */
async function workerSlots(project: TestProject): Promise<number> {
  const { testFiles } = await project.globTestFiles();
  return Math.max(1, Math.min(project.config.maxWorkers, testFiles.length));
}
