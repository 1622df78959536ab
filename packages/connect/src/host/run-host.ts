import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../environment/environment.ts';
import { ConnectError } from '../errors.ts';
import { createPhases, createTell, type RunPhase, type Tell } from '../phases.ts';
import type { BuildArtifact } from './artifacts.ts';
import { ControlServer, type Method } from './control-server.ts';
import { type DataSocket, openDataSocket } from './data-socket.ts';
import { DatabaseUrls } from './database-urls.ts';
import { createHostMethods } from './host-methods.ts';
import type { OwnMigrations } from './own-migrations.ts';
import { thisProcess } from './process-identity.ts';
import type { HostEvent, HostInfo } from './protocol.ts';
import { type RunFolder, removeParentIfEmpty } from './run-folder.ts';
import { Runs, type RunsOptions } from './runs.ts';
import { sessionOptions } from './session.ts';
import { removeDeadLock } from './start-lock.ts';

/** How long the host waits for the next client after the last one left: the next Nx project needs about a second. */
export const DEFAULT_GRACE_MS = 2_000;

/** A client that started a host and vanished before it said hello must not leave it waiting. */
const FIRST_CLIENT_MS = 15_000;

/** Giving everything back takes well under a second offline; a dead tunnel must not keep the process. */
const STOP_DEADLINE_MS = 20_000;

export interface HostOptions {
  folder: RunFolder;
  root: string;
  version: string;
  configHash: string;
  graceMs: number;
  /** Opens the environment. `signal` fires when nobody waits for it any more. */
  createEnvironment: (context: {
    runDir: string;
    phase: RunPhase;
    signal: AbortSignal;
  }) => Promise<Environment>;
  buildArtifact: BuildArtifact;
  /** Opens the lease of a run; gets what it needs to connect. */
  holdLease: (environment: Environment, run: string) => ReturnType<RunsOptions['holdLease']>;
  /** Opens the session in a test database that puts it back. */
  openResetSession: (
    environment: Environment,
    database: string,
  ) => ReturnType<RunsOptions['openResetSession']>;
  /** Runs migrations in a run's own database; `folder` is the host's, `signal` fires when it stops. */
  migrate: (
    environment: Environment,
    migrations: OwnMigrations,
    options: { folder: string; signal: AbortSignal },
  ) => ReturnType<RunsOptions['migrate']>;
  newRunId: () => string;
  /** Clients can connect from now on. */
  onListening: () => void;
  /** For the host's log. */
  log: (message: string, error?: unknown) => void;
}

export interface RunningHost {
  /** Ends the host in good order. */
  stop(reason?: unknown): void;
  /** Fulfils when everything has been given back and the folder is gone. `failed` is why it could not start. */
  readonly ended: Promise<{ failed?: unknown }>;
}

/** The host process without the process: everything it does, with what it works on given from outside. */
export async function runHost(options: HostOptions): Promise<RunningHost> {
  const host = new Host(options);
  await host.open();
  return host;
}

class Host implements RunningHost {
  readonly #options: HostOptions;
  readonly #control: ControlServer;
  readonly #phase: RunPhase;
  readonly #tell: Tell;
  readonly #stopping = new AbortController();
  readonly ended: Promise<{ failed?: unknown }>;
  #end: (result: { failed?: unknown }) => void = () => undefined;
  #idle: NodeJS.Timeout | undefined;
  #starting: Promise<void> | undefined;
  #environment: Environment | undefined;
  #data: DataSocket | undefined;
  #runs: Runs | undefined;
  #urls: DatabaseUrls | undefined;
  #urlSessions = 0;
  #failed: unknown;
  #stopped = false;
  #removed = false;

  constructor(options: HostOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const broadcast = (event: HostEvent): void => this.#control.broadcast(event);
    this.#phase = createPhases(broadcast);
    this.#tell = createTell(broadcast);
    this.#control = new ControlServer({
      address: options.folder.control,
      version: options.version,
      configHash: options.configHash,
      methods: this.#methods(),
      onGone: (connection) => {
        void this.#runs?.releaseOf(connection);
      },
      onIdle: () => this.#awaitNext(),
      onBusy: () => {
        clearTimeout(this.#idle);
        this.#begin();
      },
      onReplace: (reason) => {
        this.#options.log(`replaced: another client has a different ${reason}`);
        this.stop(replaced(reason));
      },
    });
  }

  async open(): Promise<void> {
    const { folder } = this.#options;
    writeFileSync(folder.owner, JSON.stringify(thisProcess()), { mode: 0o600 });
    await this.#control.listen();
    this.#awaitClient(FIRST_CLIENT_MS);
    this.#options.onListening();
  }

  /** The work starts when somebody is there to be told about it, also about its failure. */
  #begin(): void {
    this.#starting ??= this.#start().catch((error: unknown) => {
      if (this.#stopped) return;
      this.#options.log('could not start', error);
      this.#failed = error;
      this.stop();
    });
  }

  stop(reason?: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#idle);
    this.#stopping.abort(reason ?? new Error('the host is stopping'));
    this.#control.stopListening();
    const deadline = setTimeout(() => {
      this.#options.log('stopping took too long: leaving the rest to the watchdog and the sweeper');
      this.#finish();
    }, STOP_DEADLINE_MS);
    void this.#stop(reason).finally(() => {
      clearTimeout(deadline);
      this.#finish();
    });
  }

  #awaitClient(withinMs: number): void {
    clearTimeout(this.#idle);
    if (!this.#stopped) this.#idle = setTimeout(() => this.stop(), withinMs);
  }

  /**
   * Nobody is there. Offline a kept database lives as long as this process, on AWS it stays when we go; and who has come by
   * a URL, psql for instance, is no client and shall not be cut off.
   */
  #awaitNext(): void {
    clearTimeout(this.#idle);
    if (this.#urlSessions > 0) return;
    const keptMs = this.#environment?.kind === 'local' ? (this.#runs?.kept.remainingMs() ?? 0) : 0;
    this.#awaitClient(Math.max(this.#options.graceMs, keptMs));
  }

  #countUrlSessions(open: number): void {
    this.#urlSessions = open;
    if (this.#control.clients === 0) this.#awaitNext();
  }

  async #start(): Promise<void> {
    const { folder, createEnvironment, newRunId, log } = this.#options;
    const { holdLease, openResetSession, migrate } = this.#options;
    const { signal } = this.#stopping;
    const environment = await createEnvironment({
      runDir: join(folder.folder, 'aws'),
      phase: this.#phase,
      signal,
    });
    this.#environment = environment;
    signal.throwIfAborted();
    const cluster = await environment.resolve({ signal });
    const urls = new DatabaseUrls({
      connect: ({ login: user, database }) => sessionOptions(environment, { user, database }),
      onSessions: (open) => this.#countUrlSessions(open),
      onError: (error) => log('no session for a database URL', error),
    });
    this.#urls = urls;
    this.#runs = new Runs({
      environment,
      phase: this.#phase,
      tell: this.#tell,
      holdLease: (run) => holdLease(environment, run),
      openResetSession: (database) => openResetSession(environment, database),
      migrate: (migrations) => migrate(environment, migrations, { folder: folder.folder, signal }),
      newRunId,
      onReleased: (name) => urls.withdraw(name),
      onOver: (run) => urls.endRun(run),
      log,
    });
    this.#data = await openDataSocket(
      folder.data,
      () => environment.openStream({ signal }),
      (error) => log('no stream for a database connection', error),
    );
    signal.throwIfAborted();
    const info: HostInfo = {
      version: this.#options.version,
      environment: environment.name,
      kind: environment.kind,
      path: cluster.socket === undefined ? 'full' : 'direct',
      pid: process.pid,
      endpoint: cluster.endpoint,
      region: cluster.region,
      resourceId: cluster.resourceId,
      ca: cluster.ca,
      dataSocket: folder.data,
      controlSocket: folder.control,
    };
    this.#control.ready(info);
    // The tunnel opens while the bootstrap runs. Whoever needs it gets its error, or a further attempt.
    const warm = environment.warmUp().then(
      () => true,
      () => false,
    );
    void warm.then(async (isWarm) => {
      if (isWarm && (await environment.probeDirectTls?.()) && !signal.aborted)
        this.#control.ready({ ...info, directTls: true });
      await this.#endLeftovers(environment);
    });
  }

  /** Behind all that somebody waits for, and as far as it is allowed. */
  async #endLeftovers(environment: Environment): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stopping;
    if (signal.aborted || environment.endLeftovers === undefined) return;
    try {
      const ended = await environment.endLeftovers({ signal });
      if (ended.length > 0) log(`ended sessions that a killed host left: ${ended.join(', ')}`);
    } catch (error) {
      if (!signal.aborted) log('did not look for sessions that a killed host left', error);
    }
  }

  async #stop(reason: unknown): Promise<void> {
    const { log } = this.#options;
    await this.#starting; // has noticed the signal, or is ready
    await this.#phase('stop', async () => {
      await this.#runs?.releaseAll();
      await this.#urls?.close();
      await this.#data?.close();
      await this.#environment?.close();
    }).catch((error: unknown) => log('stopping', error));
    const why = this.#failed !== undefined ? { failed: this.#failed } : { closing: reason ?? stopped() };
    this.#removeFolder();
    await this.#control.close(why);
  }

  #finish(): void {
    this.#removeFolder();
    this.#end(this.#failed === undefined ? {} : { failed: this.#failed });
  }

  #removeFolder(): void {
    if (this.#removed) return; // by now it may be the next host's
    this.#removed = true;
    const { folder } = this.#options;
    rmSync(folder.folder, { recursive: true, force: true });
    try {
      removeDeadLock(folder.lockFile); // of a client that was killed while it started this host
    } catch (error) {
      this.#options.log('removing a lock', error);
    }
    removeParentIfEmpty(folder);
  }

  #methods(): Record<string, Method> {
    const { root, buildArtifact } = this.#options;
    return createHostMethods({
      ready: () => this.#ready(),
      phase: this.#phase,
      root,
      buildArtifact,
      statistics: () => ({
        clients: this.#control.clients,
        data: this.#data?.counts(),
        urls: this.#urls?.counts(),
      }),
      signal: this.#stopping.signal,
      stop: () => this.stop(),
    });
  }

  #ready(): { environment: Environment; runs: Runs; urls: DatabaseUrls } {
    const [environment, runs, urls] = [this.#environment, this.#runs, this.#urls];
    if (environment !== undefined && runs !== undefined && urls !== undefined && !this.#stopped) {
      return { environment, runs, urls };
    }
    throw stopped();
  }
}

function stopped(): ConnectError {
  return new ConnectError({
    code: 'CONNECT_HOST_CLOSED',
    kind: 'closed',
    message: 'The host is stopping.',
    hint: 'Connect again: a new host is started.',
  });
}

function replaced(reason: 'version' | 'configuration'): ConnectError {
  return new ConnectError({
    code: 'CONNECT_HOST_REPLACED',
    kind: 'closed',
    message: `The host was replaced: another command of this workspace runs with a different ${reason}.`,
    hint: 'Let the other command finish, then run again; one workspace and environment has one host.',
  });
}
