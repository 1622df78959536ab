import { createHash } from 'node:crypto';
import { loadConfig } from '../config/load-config.ts';
import { type ResolvedEnvironment, resolveEnvironment } from '../config/resolve-environment.ts';
import type { EnvironmentSettings } from '../config/settings.ts';
import { ConnectError } from '../errors.ts';
import type { ConnectHostOptions } from './connect-host.ts';
import { dial, greet, type HostClient } from './host-client.ts';
import { ensureFolder, ensureParent, type RunFolder, removeParentIfEmpty, runFolder } from './run-folder.ts';
import { spawnHost } from './spawn-host.ts';
import { takeStartLock } from './start-lock.ts';
import { sweepFolder } from './sweep-folder.ts';
import { VERSION } from './version.ts';

/** A cold start prepares a server directory (initdb) and builds an artefact: seconds, a minute on a slow machine. */
const DEFAULT_START_TIMEOUT_MS = 180_000;

/** A host may stop or be replaced while we look at it; each round starts from what is there. */
const MAX_ROUNDS = 8;

/** `connectHost`, with everything that starting takes. */
export async function findOrStartHost(options: ConnectHostOptions): Promise<HostClient> {
  const loaded = await loadConfig({ cwd: options.root });
  const environment = resolveEnvironment(loaded, options.environment);
  const timeout = AbortSignal.timeout(options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  try {
    return await connectOrStart(environment, { ...options, signal });
  } catch (error) {
    if (timeout.aborted && error === timeout.reason) throw startTimeout(environment.name, error);
    throw error;
  }
}

async function connectOrStart(
  environment: ResolvedEnvironment,
  options: ConnectHostOptions & { signal: AbortSignal },
): Promise<HostClient> {
  const { signal } = options;
  const configHash = hashOf(environment.settings);
  const folder = runFolder({
    root: environment.root,
    environment: environment.name,
    awsIdentity: awsIdentity(environment.settings, process.env),
  });
  const connect = async (): Promise<HostClient | undefined> => {
    const socket = await dial(folder.control);
    if (socket === undefined) return undefined;
    const hello = { version: VERSION, configHash, role: 'client', pid: process.pid } as const;
    const greeting = await greet(socket, hello, { onEvent: options.onEvent, signal });
    if (greeting.outcome === 'welcome') return greeting.client;
    if (greeting.outcome === 'failed') throw greeting.error;
    return undefined; // refused or gone: that host is stopping
  };
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    signal.throwIfAborted();
    const client = await connect();
    if (client !== undefined) return client;
    await startUnlessListening(folder, environment, configHash, options);
  }
  throw new ConnectError({
    code: 'CONNECT_HOST_START_FAILED',
    kind: 'conflict',
    message: `Hosts of environment "${environment.name}" were started and ended again ${MAX_ROUNDS} times.`,
    hint: 'Do two commands with different configurations or versions run in this workspace at once?',
  });
}

async function startUnlessListening(
  folder: RunFolder,
  environment: ResolvedEnvironment,
  configHash: string,
  options: ConnectHostOptions & { signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  const lock = await takeStartLock(folder.lockFile, {
    timeoutMs: options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS,
    signal,
    prepare: () => ensureParent(folder),
  });
  try {
    const socket = await dial(folder.control);
    if (socket !== undefined) {
      socket.destroy(); // somebody else has started it while we waited for the lock
      return;
    }
    await sweepFolder(folder, signal);
    ensureFolder(folder);
    const graceMs = graceOf(process.env);
    await spawnHost(
      {
        folder,
        root: environment.root,
        environment: environment.name,
        settings: environment.settings,
        configHash,
        ...(graceMs === undefined ? {} : { graceMs }),
      },
      { entry: options.hostEntry, signal },
    );
  } catch (error) {
    await sweepFolder(folder).catch(() => undefined);
    throw error;
  } finally {
    lock.release();
    removeParentIfEmpty(folder);
  }
}

function hashOf(settings: EnvironmentSettings): string {
  return createHash('sha256').update(JSON.stringify(settings)).digest('hex');
}

/**
 * Who we are to AWS, as far as it can be told without asking. Two identities must not share a host: it would give one
 * the tokens of the other. Offline it is the path: a quick loop at the desk does not replace the host of a full run.
 */
function awsIdentity(settings: EnvironmentSettings, env: NodeJS.ProcessEnv): string {
  if (settings.kind === 'local') return settings.path;
  return JSON.stringify([
    settings.profile ?? env['AWS_PROFILE'],
    env['AWS_ACCESS_KEY_ID'],
    env['AWS_ROLE_ARN'],
    env['AWS_WEB_IDENTITY_TOKEN_FILE'],
    env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'] ?? env['AWS_CONTAINER_CREDENTIALS_FULL_URI'],
    env['AWS_CONFIG_FILE'],
    env['AWS_SHARED_CREDENTIALS_FILE'],
  ]);
}

function graceOf(env: NodeJS.ProcessEnv): number | undefined {
  const text = env['POSTERN_HOST_GRACE_MS'];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new ConnectError({
    code: 'CONNECT_CONFIG_INVALID',
    kind: 'invalid',
    message: `POSTERN_HOST_GRACE_MS must be a whole number of milliseconds, not "${text}".`,
    hint: 'Correct or unset it; the default is 2000.',
    problems: ['POSTERN_HOST_GRACE_MS: must be a whole number'],
  });
}

function startTimeout(environment: string, cause: unknown): ConnectError {
  return new ConnectError({
    code: 'CONNECT_HOST_START_TIMEOUT',
    kind: 'timeout',
    message: `The host of environment "${environment}" did not become ready in time.`,
    hint: 'Run again; a first start prepares caches. If it stays so, raise startTimeoutMs and look at the phases.',
    cause,
  });
}
