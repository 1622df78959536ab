import { inject } from 'vitest';
import { PosternVitestError } from './errors.ts';
import type { ProvidedPostern } from './provided-context.ts';
import { WorkerSession } from './worker-session.ts';

/**
 * In the process and not in a module: a setup file and a test may have loaded this package twice, and with `isolate: false`
 * the next file loads it again.
 */
const KEY = Symbol.for('@postern/vitest worker');

type Holder = { [KEY]?: WorkerSession };

/** What the global setup has provided; undefined where none ran, and outside of vitest's workers. */
export function inWorker(): ProvidedPostern | undefined {
  try {
    return inject('postern');
  } catch {
    return undefined;
  }
}

/**
 * The session of this worker with the run that counts now.
 *
 * @throws PosternVitestError `VITEST_SETUP_MISSING`
 */
export function connectedWorker(): WorkerSession {
  const provided = inWorker();
  if (provided === undefined) throw setupMissing();
  const holder = globalThis as Holder;
  const present = holder[KEY];
  if (present !== undefined) {
    const { run, controlSocket, generation } = present.provided;
    const same =
      run === provided.run && controlSocket === provided.controlSocket && generation === provided.generation;
    if (same && !present.closed) return present;
    void present.close();
  }
  const session = new WorkerSession(provided, process.env['VITEST_POOL_ID']);
  holder[KEY] = session;
  return session;
}

function setupMissing(): PosternVitestError {
  return new PosternVitestError('VITEST_SETUP_MISSING', {
    kind: 'invalid',
    message:
      'The database fixture needs the global setup of Postern, which did not run in this vitest project.',
    hint: "Add plugins: [postern()] from @postern/vitest/plugin to the configuration of this vitest project, or globalSetup: ['@postern/vitest/global-setup'] to its `test`.",
  });
}
