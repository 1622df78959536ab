import type { Environment } from '../environment/environment.ts';
import type { RunPhase } from '../phases.ts';
import { ArtifactCache } from './artifact-cache.ts';
import type { BuildArtifact } from './artifacts.ts';
import { Bootstrapper, type BootstrapResult } from './bootstrapper.ts';
import type { Connection, Method } from './control-server.ts';
import type { DatabaseUrls } from './database-urls.ts';
import { FileUrls } from './file-urls.ts';
import { databaseUrl } from './find-database.ts';
import { type Params, params } from './params.ts';
import type { AcquireRequest, Isolation } from './run-types.ts';
import type { Runs } from './runs.ts';

export interface HostMethodsOptions {
  /** What the host works on; throws before it is there and after it has gone. */
  ready: () => { environment: Environment; runs: Runs; urls: DatabaseUrls };
  phase: RunPhase;
  /** The workspace. */
  root: string;
  buildArtifact: BuildArtifact;
  /** What only the host itself can count. */
  statistics: () => Record<string, unknown>;
  /** Fires when the host stops. */
  signal: AbortSignal;
  stop: () => void;
}

/** What clients and workers can ask of a host, by the name that `HostClient` sends. */
export function createHostMethods(options: HostMethodsOptions): Record<string, Method> {
  const { ready, phase, root, buildArtifact, statistics, signal, stop } = options;
  const artifacts = new ArtifactCache({ root, build: buildArtifact });
  let bootstrapper: Bootstrapper | undefined;
  const bootstrapped = async (): Promise<BootstrapResult> => {
    bootstrapper ??= new Bootstrapper({ environment: ready().environment, phase, artifacts });
    return await bootstrapper.bootstrap();
  };
  const fileUrls = (): FileUrls => new FileUrls(ready().runs, ready().urls);
  const methods: Record<string, (given: Params, connection: Connection) => Promise<unknown>> = {
    token: async (given) => {
      const { environment } = ready();
      const user = given.text('user');
      // Whoever wants a token is about to connect. If the way there is closed, this is where it can be said why:
      // a database connection that ends says nothing.
      await environment.warmUp();
      return { token: await environment.token(user, { signal }) };
    },
    bootstrap: async () => {
      const { artifact, ...result } = await bootstrapped();
      const { manifest } = artifact;
      return { ...result, databases: manifest.databases.map(({ name }) => name), manifest: manifest.hash };
    },
    prepareRun: async (given, owner) => {
      const request = {
        database: given.text('database'),
        workers: given.integer('workers', MAX_WORKERS),
        ...given.optional('shards', () => given.integer('shards', 10_000)),
        ...given.optional('sessionsPerWorker', () => given.integer('sessionsPerWorker', 1_000)),
        ...given.optional('pool', () => poolOptions(given.inside('pool'))),
        ...given.optional('reuse', () => given.flag('reuse')),
      };
      const { artifact } = await bootstrapped();
      const { runs } = ready();
      const prepared = await runs.prepare({ ...request, owner, artifact });
      // The client may have gone while its databases were being made.
      if (owner.gone.aborted) await runs.release(prepared.run);
      return prepared;
    },
    acquire: async (given, connection) => await ready().runs.acquire(acquireRequest(given), connection),
    release: async (given, connection) =>
      ready().runs.giveBack(
        {
          run: given.text('run'),
          name: given.text('name'),
          ...given.optional('sessions', () => given.integers('sessions')),
          ...given.optional('reuse', () => given.flag('reuse')),
          ...given.optional('keep', () => given.flag('keep')),
          ...given.optional('keepMs', () => given.integer('keepMs', Number.MAX_SAFE_INTEGER)),
        },
        connection,
      ),
    settled: async (given) => await ready().runs.settled(given.text('run'), given.text('name')),
    branch: async (given, connection) =>
      await ready().runs.branch(
        {
          run: given.text('run'),
          key: given.text('key'),
          ...given.optional('database', () => given.text('database')),
        },
        connection,
      ),
    sealBranch: async (given) => await ready().runs.sealBranch(branchOf(given)),
    failBranch: async (given) => ready().runs.failBranch(branchOf(given)),
    refreshRun: async (given, connection) => {
      const { artifact } = await bootstrapped();
      const { runs } = ready();
      const refreshed = await runs.refresh(given.text('run'), artifact);
      if (connection.gone.aborted) await runs.releaseOf(connection);
      return refreshed;
    },
    databaseUrl: async (given) =>
      await databaseUrl(
        {
          name: given.text('name'),
          ...given.optional('role', () => given.text('role')),
        },
        { ...ready(), manifest: async () => (await bootstrapped()).artifact.manifest },
      ),
    fileUrl: async (given, connection) =>
      await fileUrls().open(
        { run: given.text('run'), ...given.optional('role', () => given.text('role')) },
        connection,
      ),
    leadUrl: async (given) => {
      const alias = given.text('alias');
      const { why } = given.optional('why', () => given.text('why'));
      return fileUrls().lead(
        why === undefined ? { alias, name: given.text('name'), role: given.text('role') } : { alias, why },
      );
    },
    releaseRun: async (given) => await ready().runs.release(given.text('run')),
    statistics: async () => {
      const { environment, runs } = ready();
      const host = { pid: process.pid, runs: runs.count, pools: runs.statistics(), ...statistics() };
      return { ...(await environment.statistics()), host };
    },
    shutdown: async () => stop(),
  };
  return Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      async (given, connection) => await method(params(given), connection),
    ]),
  );
}

/** `count` of the test-database function ends there, too. */
const MAX_WORKERS = 200;

function poolOptions(given: Params): { depth?: number } {
  return given.optional('depth', () => given.integer('depth', MAX_WORKERS));
}

function acquireRequest(given: Params): AcquireRequest {
  return {
    run: given.text('run'),
    key: given.text('key'),
    ...given.optional('isolation', () => given.oneOf<Isolation>('isolation', ['reset', 'clone'])),
    ...given.optional('shared', () => given.flag('shared')),
    ...given.optional('branch', () => given.text('branch')),
    ...given.optional('database', () => given.text('database')),
  };
}

function branchOf(given: Params): { run: string; key: string; name: string } {
  return { run: given.text('run'), key: given.text('key'), name: given.text('name') };
}
