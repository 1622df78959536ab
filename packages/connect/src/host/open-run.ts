import type { ManifestDatabase, PublishResult } from '@postern/bootstrap/contract';
import { type Lease, openPool } from '@postern/test-databases';
import type { Environment } from '../environment/environment.ts';
import { type BuiltArtifact, declaredDatabase } from './artifacts.ts';
import { Branches } from './branches.ts';
import { type ClaimConnections, shareConnections } from './connection-claim.ts';
import { keepLease } from './kept-lease.ts';
import type { OwnMigrations } from './own-migrations.ts';
import { poolBackend } from './pool-backend.ts';
import { hostEventOf } from './pool-events.ts';
import type { HostEvent } from './protocol.ts';
import { type ResetSession, ResetSessions } from './reset-sessions.ts';
import { Run, type RunInit } from './run.ts';
import { notDeclared } from './run-errors.ts';
import type { PrepareRunRequest } from './run-types.ts';

export interface PrepareRequest extends PrepareRunRequest {
  /** Who the run belongs to; compared by identity. */
  readonly owner: unknown;
  /** That of the working tree; the deployed one may be another. */
  readonly artifact: BuiltArtifact;
}

/** The lease of a run, and what its session is asked for. */
export interface RunLease extends Lease {
  claimConnections: ClaimConnections;
}

export interface OpenRunOptions {
  environment: Pick<Environment, 'invoke' | 'kind'>;
  /** Tells what has no beginning: a database was acquired, a reset is done. */
  tell: (event: HostEvent) => void;
  holdLease: (run: string) => Promise<RunLease>;
  openResetSession: (database: string) => Promise<ResetSession>;
  /** Runs migrations that the deployed artefact does not know, and gives their names. */
  migrate: (migrations: OwnMigrations) => Promise<readonly string[]>;
  /** Whether the run has begun and is not over. */
  isOpen: () => boolean;
  log: (message: string, error?: unknown) => void;
}

export interface OpenedRun {
  readonly run: Run;
  /** For the event. */
  readonly summary: { readonly detail: string; readonly counts: Readonly<Record<string, number>> };
}

/** As many as pg's Pool opens by default. */
const DEFAULT_SESSIONS = 10;

/** Sessions for resets that stay open at most: they are taken from what the tests could have. */
const MOST_RESET_SESSIONS = 40;

/** Each call of the function takes a round trip and a login of its own; on AWS also Lambda's time. */
const BATCH = { local: 2, aws: 4 } as const;

/**
 * Takes a lease, claims connections and has a first database cloned, side by side; its pool gets more in the background.
 * Nothing is left behind when it fails.
 */
export async function openRun(
  id: string,
  { owner, artifact, ...request }: PrepareRequest,
  options: OpenRunOptions,
): Promise<OpenedRun> {
  const { environment, holdLease, log } = options;
  const declared = declaredDatabase(artifact.manifest, request.database);
  const { name: database, templateHash } = declared;
  const inUse = Math.max(request.workers + 2, request.pool?.depth ?? 0);
  const resetSessions = Math.min(inUse, MOST_RESET_SESSIONS);
  const holding = keepLease({
    hold: () => holdLease(id),
    onLost: (reason) => log(`the lease of run ${id} was lost; taking it again`, reason),
    onGone: (reason) => log(`run ${id} was swept while its lease was lost`, reason),
  });
  const sharing = holding.then((lease) =>
    shareConnections(async (wish) => await lease.current?.claimConnections(wish), {
      database,
      workers: request.workers,
      shards: request.shards ?? 1,
      sessionsPerWorker: request.sessionsPerWorker ?? DEFAULT_SESSIONS,
      resetSessions,
    }),
  );
  const cloning = cloneFirst(id, artifact, declared, holding, options);
  // The ledger takes the lease before or after the databases.
  const [leased, shared, cloned] = await Promise.allSettled([holding, sharing, cloning]);
  if (leased.status === 'rejected' || shared.status === 'rejected' || cloned.status === 'rejected') {
    // What is left then is without a lease, and swept.
    await environment.invoke<'drop'>('testdb', { action: 'drop', run: id }).catch(() => undefined);
    if (leased.status === 'rejected') throw leased.reason;
    await leased.value.close();
    throw (cloned.status === 'rejected' ? cloned : (shared as PromiseRejectedResult)).reason;
  }
  const { databases, created, built, logins: roles, migrated } = cloned.value;
  const connections = shared.value;
  const prepared = { run: id, database, templateHash, databases, created, built, connections };
  const parts = poolOf(id, declared, request, cloned.value, resetSessions, options);
  const run = new Run({ owner, artifact, request, declared, prepared, roles, lease: leased.value, ...parts });
  const how = built ? 'new template' : 'known template';
  return {
    run,
    summary:
      migrated === undefined
        ? { detail: `${database}, ${how}`, counts: { databases: created, 'round trips': 1 } }
        : {
            detail: `${database}, migrated from here, published`,
            counts: { migrations: migrated, databases: created, 'round trips': 2 },
          },
  };
}

function poolOf(
  run: string,
  { name: database, templateHash }: ManifestDatabase,
  { workers, pool }: PrepareRunRequest,
  { databases: initial, bytes }: Pick<PublishResult, 'databases' | 'bytes'>,
  resetSessions: number,
  { environment, openResetSession, tell, isOpen }: OpenRunOptions,
): Pick<RunInit, 'pool' | 'sessions' | 'branches'> {
  const branches = new Branches(templateHash);
  const sessions = new ResetSessions({ open: openResetSession, max: resetSessions });
  return {
    branches,
    sessions,
    pool: openPool({
      backend: poolBackend({ environment, run, database, templateHash, branches, sessions }),
      workers,
      initial,
      batch: BATCH[environment.kind],
      ...(bytes === undefined ? {} : { databaseBytes: bytes }),
      ...(pool?.depth === undefined ? {} : { depth: pool.depth }),
      onEvent: (event) => {
        // What fails because the run is over is no news.
        if (isOpen() || !event.type.endsWith('-failed')) tell(hostEventOf(run, event));
      },
    }),
  };
}

/**
 * Has the run have its first database. Migrations that the function does not know are run from here in an empty database
 * of the run, which then becomes the template. Of several runs that do so at once the first publishes, and the others
 * get its template.
 */
async function cloneFirst(
  run: string,
  artifact: BuiltArtifact,
  { name: database, templateHash: hash, declarationHash }: ManifestDatabase,
  leased: Promise<unknown>,
  { environment, migrate }: OpenRunOptions,
): Promise<PublishResult & { migrated?: number }> {
  const wanted = { database, hash, run, count: 1 };
  const answer = await environment.invoke<'prepare'>('testdb', { action: 'prepare', ...wanted });
  if (answer.status === 'ready') return answer;
  if (answer.declarationHash !== declarationHash) throw notDeclared(database);
  await leased; // migrations may take longer than the sweeper waits for a lease
  const migrations = await migrate({ run, artifact, database, target: answer });
  const request = { action: 'publish', ...wanted, migrations } as const;
  return { ...(await environment.invoke<'publish'>('testdb', request)), migrated: migrations.length };
}
