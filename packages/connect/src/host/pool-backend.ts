import type { PoolBackend } from '@postern/test-databases';
import type { Environment } from '../environment/environment.ts';
import type { Branches } from './branches.ts';
import type { ResetSessions } from './reset-sessions.ts';
import { branchUnknown, templateGone } from './run-errors.ts';

export interface PoolBackendOptions {
  environment: Pick<Environment, 'invoke'>;
  run: string;
  /** The declared database. */
  database: string;
  templateHash: string;
  branches: Pick<Branches, 'sourceOf'>;
  sessions: Pick<ResetSessions, 'reset' | 'forget'>;
}

/** What the pool of a run works on: the test-database function, and a session in each database that is in use. */
export function poolBackend(options: PoolBackendOptions): PoolBackend {
  const { environment, run, database, templateHash, branches, sessions } = options;
  return {
    clone: async ({ first, count, branch }) => {
      const from = branch === undefined ? undefined : branches.sourceOf(branch);
      if (branch !== undefined && from === undefined) throw branchUnknown();
      const answer = await environment.invoke<'prepare'>('testdb', {
        action: 'prepare',
        database,
        hash: branch ?? templateHash,
        run,
        first,
        count,
        ...(from === undefined ? {} : { from }),
      });
      if (answer.status !== 'ready') throw templateGone(database);
      return answer.databases;
    },
    reset: async (name, { keep }) => await sessions.reset(name, { keep }),
    drop: async (names) => {
      await Promise.all(names.map((name) => sessions.forget(name)));
      await environment.invoke<'drop'>('testdb', { action: 'drop', run, databases: [...names] });
    },
  };
}
