import type { Environment } from '../environment/environment.ts';
import { ConnectError } from '../errors.ts';
import type { RunPhase } from '../phases.ts';
import { ArtifactCache } from './artifact-cache.ts';
import type { BuildArtifact } from './artifacts.ts';
import { Bootstrapper, type BootstrapResult } from './bootstrapper.ts';
import type { Connection, Method } from './control-server.ts';
import type { Runs } from './runs.ts';

export interface HostMethodsOptions {
  /** What the host works on; throws before it is there and after it has gone. */
  ready: () => { environment: Environment; runs: Runs };
  phase: RunPhase;
  /** The workspace. */
  root: string;
  buildArtifact: BuildArtifact;
  isPresent: (connection: Connection) => boolean;
  /** What only the host itself can count. */
  statistics: () => Record<string, unknown>;
  /** Fires when the host stops. */
  signal: AbortSignal;
  stop: () => void;
}

/** What clients and workers can ask of a host, by the name that `HostClient` sends. */
export function createHostMethods(options: HostMethodsOptions): Record<string, Method> {
  const { ready, phase, root, buildArtifact, isPresent, statistics, signal, stop } = options;
  const artifacts = new ArtifactCache({ root, build: buildArtifact });
  let bootstrapper: Bootstrapper | undefined;
  const bootstrapped = async (): Promise<BootstrapResult> => {
    bootstrapper ??= new Bootstrapper({ environment: ready().environment, phase, artifacts });
    return await bootstrapper.bootstrap();
  };
  return {
    token: async (params) => {
      const { environment } = ready();
      const user = text(params, 'user');
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
    prepareRun: async (params, connection) => {
      const workers = integer(params, 'workers');
      const database = text(params, 'database');
      const { artifact } = await bootstrapped();
      const { runs } = ready();
      const prepared = await runs.prepare({ owner: connection, artifact, database, workers });
      // The client may have gone while its databases were being made.
      if (!isPresent(connection)) await runs.release(prepared.run);
      return prepared;
    },
    acquire: async (params) => await ready().runs.acquire(text(params, 'run'), text(params, 'key')),
    releaseRun: async (params) => await ready().runs.release(text(params, 'run')),
    statistics: async () => {
      const { environment, runs } = ready();
      const host = { pid: process.pid, runs: runs.count, ...statistics() };
      return { ...(await environment.statistics()), host };
    },
    shutdown: async () => stop(),
  };
}

function text(params: Record<string, unknown>, name: string): string {
  const value = params[name];
  if (typeof value === 'string' && value !== '') return value;
  throw badParameter(name, 'text');
}

function integer(params: Record<string, unknown>, name: string): number {
  const value = params[name];
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 200) return value;
  throw badParameter(name, 'a whole number from 1 to 200');
}

function badParameter(name: string, expected: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_REQUEST_INVALID',
    kind: 'invalid',
    message: `The request's ${name} must be ${expected}.`,
    hint: 'Correct the call.',
  });
}
