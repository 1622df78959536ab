import type { Duplex } from 'node:stream';
import type { Action, RequestOf, ResultOf } from '@postern/bootstrap/contract';
import { createTokenSource, type TokenSource } from '@postern/rds-auth';
import type { AwsSettings } from '../config/settings.ts';
import { ConnectError } from '../errors.ts';
import { createPhases, type RunPhase } from '../phases.ts';
import { type AwsAccess, awsAccess } from './aws-access.ts';
import { describeCluster } from './describe-cluster.ts';
import { takesDirectTls } from './direct-tls.ts';
import type { CallOptions, Cluster, Environment, FunctionRole } from './environment.ts';
import { createInvoker, type Invoker } from './invoker.ts';
import { endLeftovers } from './leftover-sessions.ts';
import { directTransport, type Transport, tunnelTransport } from './transport.ts';
import type { SessionOwner } from './tunnel-options.ts';

export interface AwsEnvironmentOptions {
  name: string;
  settings: AwsSettings;
  /** The workspace root: relative paths of the settings start here. */
  root: string;
  phase?: RunPhase;
  /** Default: the SDK's chain and the region's endpoints. */
  access?: AwsAccess;
  /** How long a stream waits for a tunnel that has lost its session. Default 30 s. */
  patienceMs?: number;
}

/** A cluster on AWS, or on something that speaks AWS's protocols. Opens nothing by itself: each part when it is needed. */
export function createAwsEnvironment(options: AwsEnvironmentOptions): Environment {
  return new AwsEnvironment(options);
}

class AwsEnvironment implements Environment {
  readonly name: string;
  readonly kind = 'aws';
  readonly #settings: AwsSettings;
  readonly #root: string;
  readonly #phase: RunPhase;
  readonly #access: AwsAccess;
  readonly #patienceMs: number | undefined;
  readonly #tokens = new Map<string, TokenSource>();
  readonly #invokers = new Map<FunctionRole, Promise<Invoker>>();
  #cluster: Promise<Cluster> | undefined;
  #transport: Promise<Transport> | undefined;
  #closing: Promise<void> | undefined;
  #directTls = false;

  constructor(options: AwsEnvironmentOptions) {
    this.name = options.name;
    this.#settings = options.settings;
    this.#root = options.root;
    this.#phase = options.phase ?? createPhases();
    this.#access = options.access ?? awsAccess(options.settings);
    this.#patienceMs = options.patienceMs;
  }

  async resolve(options: CallOptions = {}): Promise<Cluster> {
    this.#cluster ??= this.#phase('resolve', async (note) => {
      const cluster = await describeCluster(this.#settings, this.#access, this.#root, options);
      note({ detail: `${cluster.endpoint.host}:${cluster.endpoint.port}` });
      return cluster;
    }).catch((error: unknown) => {
      this.#cluster = undefined;
      throw error;
    });
    const cluster = await this.#cluster;
    return this.#directTls ? { ...cluster, directTls: true } : cluster;
  }

  async probeDirectTls(): Promise<boolean> {
    try {
      const cluster = await this.resolve();
      this.#directTls = await takesDirectTls(() => this.openStream(), cluster);
    } catch {
      this.#directTls = false;
    }
    return this.#directTls;
  }

  async openStream(options: CallOptions = {}): Promise<Duplex> {
    const transport = await this.#way();
    return await transport.openStream(options);
  }

  async warmUp(): Promise<void> {
    const transport = await this.#way();
    await transport.warmUp();
  }

  async token(user: string, options: CallOptions = {}): Promise<string> {
    let source = this.#tokens.get(user);
    if (source === undefined) {
      const { endpoint, region } = await this.resolve(options);
      source = this.#tokens.get(user) ?? this.#tokenSource(user, endpoint, region);
    }
    return await source.token(options);
  }

  async invoke<A extends Action>(
    which: FunctionRole,
    request: RequestOf<A>,
    options: CallOptions = {},
  ): Promise<ResultOf[A]> {
    let invoker = this.#invokers.get(which);
    if (invoker === undefined) {
      const functionName = this.#functionName(which);
      const credentials = which === 'bootstrap' ? this.#access.deployCredentials : undefined;
      invoker = createInvoker({
        access: this.#access,
        functionName,
        ...(credentials ? { credentials } : {}),
      });
      this.#invokers.set(which, invoker);
    }
    return await (await invoker).invoke<A>(request, options);
  }

  async endLeftovers(options: CallOptions = {}): Promise<readonly string[]> {
    const { jumpHost, tunnel } = this.#settings;
    if (jumpHost === undefined || tunnel?.endLeftovers === false) return [];
    return await endLeftovers(this.#owner(), options);
  }

  async statistics(): Promise<Record<string, unknown>> {
    const transport = await this.#transport?.catch(() => undefined);
    return { tunnel: transport?.statistics() ?? {} };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      const transport = await this.#transport?.catch(() => undefined);
      await Promise.all([
        transport?.close(),
        ...[...this.#invokers.values()].map(async (invoker) => (await invoker).close()),
      ]);
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #tokenSource(user: string, endpoint: Cluster['endpoint'], region: string): TokenSource {
    const { credentials } = this.#access;
    const { host: hostname, port } = endpoint;
    const source = createTokenSource({ hostname, port, username: user, region, credentials });
    this.#tokens.set(user, source);
    return source;
  }

  async #way(): Promise<Transport> {
    // What is opened after the end would never be closed.
    if (this.#closing !== undefined) throw closed(this.name);
    return await this.#sharedTransport();
  }

  #sharedTransport(): Promise<Transport> {
    const { jumpHost } = this.#settings;
    this.#transport ??= this.resolve().then(
      (cluster) =>
        jumpHost === undefined
          ? directTransport(cluster)
          : tunnelTransport({
              owner: this.#owner(),
              jumpHost,
              cluster,
              phase: this.#phase,
              ...(this.#patienceMs === undefined ? {} : { patienceMs: this.#patienceMs }),
            }),
      (error: unknown) => {
        this.#transport = undefined;
        throw error;
      },
    );
    return this.#transport;
  }

  #owner(): SessionOwner {
    return { name: this.name, root: this.#root, settings: this.#settings, access: this.#access };
  }

  #functionName(which: FunctionRole): string {
    const name = which === 'bootstrap' ? this.#settings.bootstrap : this.#settings.testDatabases;
    if (name !== undefined && name !== false) return name;
    const option = which === 'bootstrap' ? 'bootstrap' : 'testDatabases';
    throw new ConnectError({
      code: 'CONNECT_FUNCTION_NOT_CONFIGURED',
      kind: 'invalid',
      message: `Environment "${this.name}" names no function for ${which === 'bootstrap' ? 'the bootstrap' : 'test databases'}.`,
      hint: `Add ${option}: '<function name>' to aws({ … }), or use an environment that has it.`,
    });
  }
}

function closed(name: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_HOST_CLOSED',
    kind: 'closed',
    message: `Environment "${name}" has been closed.`,
    hint: 'Open it again.',
  });
}
