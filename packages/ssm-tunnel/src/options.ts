import type { SSMClientConfig } from '@aws-sdk/client-ssm';
import { TunnelError } from './errors.ts';

export interface TunnelOptions {
  /** The managed node: `i-…`, `mi-…` or `ecs:<cluster>_<task>_<runtime id>`. */
  target: string;
  /** Where the agent connects, 1 to 65535. Required, unless there is a `document`, which decides itself. */
  remotePort?: number;
  /** Resolved by the agent, once for each session. Default: the node itself. */
  remoteHost?: string;
  /**
   * A session document of your own (type `Port`, `LocalPortForwarding`) instead of the ones AWS owns. It decides
   * on host and port: `remoteHost` and `remotePort` beside it have no effect, its `parameters` may.
   */
  document?: { name: string; parameters?: Readonly<Record<string, string>> };
  /** Default: what the AWS SDK finds. */
  region?: string;
  /** Overrides the endpoint of the SSM API, for VPC endpoints and simulators. Default: what the AWS SDK finds. */
  endpoint?: string;
  /** Default: the AWS SDK's provider chain. */
  credentials?: TunnelCredentials;
  /** Shown in the session's history at AWS, 1 to 256 characters. Default `postern`. */
  reason?: string;
  /** From the opened WebSocket to the end of the agent's handshake. Default 30,000; the agent's own limit is 15,000. */
  handshakeTimeoutMs?: number;
  /** For each API call and for the WebSocket upgrade. Default 15,000. */
  connectTimeoutMs?: number;
  /** Default 25,000: the service has to see traffic, and a link without an answer to a ping by the next one is dead. */
  pingIntervalMs?: number;
  /**
   * How long a stream waits for the other side after its local end. Half-close cannot cross a session, so the
   * end is held back for the answer to arrive; a server that waits for it needs 0. Restarts with each byte
   * received. Default 30,000.
   */
  halfCloseLingerMs?: number;
  /** What one stream may hold for a slow reader before it is reset. Default 16 MiB. */
  streamBufferBytes?: number;
  /** Cancels opening. A tunnel that is open is not affected. */
  signal?: AbortSignal;
}

export type TunnelCredentials = NonNullable<SSMClientConfig['credentials']>;

/** Complete and checked. */
export interface ResolvedOptions {
  readonly target: string;
  readonly documentName: string;
  readonly parameters: Readonly<Record<string, string[]>>;
  /** For messages: where the session leads. */
  readonly destination: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly credentials: TunnelCredentials | undefined;
  readonly reason: string;
  readonly handshakeTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly halfCloseLingerMs: number;
  readonly streamBufferBytes: number;
}

const TARGET = /^(i-[0-9a-f]{8,17}|mi-[0-9a-f]{17}|ecs:[\w-]+_[\w-]+_[\w-]+)$/;
const DOCUMENT = /^[a-zA-Z0-9_\-.:/]{3,128}$/;
/** The pattern of AWS's own document: 3 characters or more, none of these. */
const HOST = /^[^,$^&()!;'"<>`{}[\]|#=\s]{3,}$/;

/** Every option there is: a misspelt `remoteHost` would otherwise lead to the node itself. */
const OPTIONS: Readonly<Record<keyof TunnelOptions, true>> = {
  target: true,
  remotePort: true,
  remoteHost: true,
  document: true,
  region: true,
  endpoint: true,
  credentials: true,
  reason: true,
  handshakeTimeoutMs: true,
  connectTimeoutMs: true,
  pingIntervalMs: true,
  halfCloseLingerMs: true,
  streamBufferBytes: true,
  signal: true,
};

/** Checks everything and throws one `SSM_OPTIONS_INVALID` that names every problem. */
export function resolveOptions(options: TunnelOptions): ResolvedOptions {
  const problems: string[] = [];
  const check = (good: boolean, problem: string): void => {
    if (!good) problems.push(problem);
  };
  for (const name of Object.keys(options)) {
    check(name in OPTIONS, `${name}: unknown option (known are ${Object.keys(OPTIONS).join(', ')})`);
  }
  const { target, remotePort, remoteHost, document } = options;
  check(
    typeof target === 'string' && TARGET.test(target),
    'target: must be i-…, mi-… or ecs:<cluster>_<task>_<runtime id>',
  );
  check(
    remotePort === undefined ? document !== undefined : isPort(remotePort),
    'remotePort: must be a whole number from 1 to 65535',
  );
  check(
    remoteHost === undefined || (typeof remoteHost === 'string' && HOST.test(remoteHost)),
    'remoteHost: must have 3 characters or more and none that the session document refuses',
  );
  check(
    document === undefined || (typeof document.name === 'string' && DOCUMENT.test(document.name)),
    'document.name: must be the name or ARN of a session document',
  );
  for (const [name, value] of Object.entries(document?.parameters ?? {})) {
    check(
      typeof value === 'string' && value !== '',
      `document.parameters.${name}: must be a non-empty string`,
    );
  }
  for (const name of ['region', 'endpoint'] as const) {
    const value = options[name];
    check(value === undefined || (typeof value === 'string' && value !== ''), `${name}: must not be empty`);
  }
  check(options.endpoint === undefined || URL.canParse(options.endpoint), 'endpoint: must be a URL');
  const reason = options.reason ?? 'postern';
  check(typeof reason === 'string' && /^.{1,256}$/.test(reason), 'reason: must have 1 to 256 characters');
  const count = (
    name:
      | 'handshakeTimeoutMs'
      | 'connectTimeoutMs'
      | 'pingIntervalMs'
      | 'halfCloseLingerMs'
      | 'streamBufferBytes',
    preset: number,
    minimum: number,
  ): number => {
    const value = options[name] ?? preset;
    check(
      Number.isInteger(value) && value >= minimum && value <= MAX_TIMER,
      `${name}: must be a whole number from ${minimum} to ${MAX_TIMER}`,
    );
    return value;
  };
  const resolved: ResolvedOptions = {
    target,
    ...sessionDocument(options),
    region: options.region,
    endpoint: options.endpoint,
    credentials: options.credentials,
    reason,
    handshakeTimeoutMs: count('handshakeTimeoutMs', 30_000, 1),
    connectTimeoutMs: count('connectTimeoutMs', 15_000, 1),
    pingIntervalMs: count('pingIntervalMs', 25_000, 10),
    halfCloseLingerMs: count('halfCloseLingerMs', 30_000, 0),
    streamBufferBytes: count('streamBufferBytes', 16 * 1024 * 1024, 64 * 1024),
  };
  if (problems.length > 0) throw optionsInvalid(problems);
  return Object.freeze(resolved);
}

export function optionsInvalid(problems: readonly string[]): TunnelError {
  return new TunnelError('SSM_OPTIONS_INVALID', `The options are invalid. ${problems.join('. ')}.`, {
    hint: 'Correct the options named in the message.',
    problems,
  });
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/** The largest delay a timer takes. */
const MAX_TIMER = 2 ** 31 - 1;

function sessionDocument({ target, remotePort, remoteHost, document }: TunnelOptions): {
  documentName: string;
  parameters: Record<string, string[]>;
  destination: string;
} {
  if (document !== undefined) {
    const parameters = Object.entries(document.parameters ?? {}).map(([name, value]) => [name, [value]]);
    return {
      documentName: document.name,
      parameters: Object.fromEntries(parameters),
      destination: `the destination of ${document.name}`,
    };
  }
  // `localPortNumber` only speaks to clients that open a port by themselves; 0 is the documents' default.
  const ports = { portNumber: [String(remotePort)], localPortNumber: ['0'] };
  if (remoteHost === undefined) {
    return {
      documentName: 'AWS-StartPortForwardingSession',
      parameters: ports,
      destination: `port ${remotePort} of ${target}`,
    };
  }
  return {
    documentName: 'AWS-StartPortForwardingSessionToRemoteHost',
    parameters: { host: [remoteHost], ...ports },
    destination: `${remoteHost}:${remotePort}`,
  };
}
