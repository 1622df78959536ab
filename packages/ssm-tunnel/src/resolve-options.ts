import { TunnelError } from './errors.ts';
import type { ResolvedOptions, SessionPoolOptions, TunnelOptions } from './options.ts';

const TARGET = /^(i-[0-9a-f]{8,17}|mi-[0-9a-f]{17}|ecs:[\w-]+_[\w-]+_[\w-]+)$/;
const TARGET_FORMS = 'i-…, mi-… or ecs:<cluster>_<task>_<runtime id>';
const DOCUMENT = /^[a-zA-Z0-9_\-.:/]{3,128}$/;
/** The pattern of AWS's own document: 3 characters or more, none of these. */
const HOST = /^[^,$^&()!;'"<>`{}[\]|#=\s]{3,}$/;
/** What StartSession takes, less the room for the mark of this process. */
const REASON = /^.{1,200}$/;
/** The largest delay a timer takes. */
const MAX_TIMER = 2 ** 31 - 1;

/** Every option there is: a misspelt `remoteHost` would otherwise lead to the node itself. */
const OPTIONS: Readonly<Record<keyof TunnelOptions, true>> = {
  target: true,
  remotePort: true,
  remoteHost: true,
  document: true,
  region: true,
  endpoint: true,
  streamEndpoint: true,
  useFipsEndpoint: true,
  proxy: true,
  credentials: true,
  reason: true,
  handshakeTimeoutMs: true,
  connectTimeoutMs: true,
  pingIntervalMs: true,
  keepAliveIntervalMs: true,
  halfCloseLingerMs: true,
  streamBufferBytes: true,
  uploadPayloadBytes: true,
  sessions: true,
  reconnectTimeoutMs: true,
  ackTimeoutMs: true,
  signal: true,
};
const POOL_OPTIONS: Readonly<Record<keyof SessionPoolOptions, true>> = { min: true, max: true, idleMs: true };

/** Collects what is wrong, so that all of it can be told at once. */
class Problems {
  readonly all: string[] = [];

  check(good: boolean, problem: string): void {
    if (!good) this.all.push(problem);
  }

  unknown(given: object, known: object, prefix = ''): void {
    for (const name of Object.keys(given)) {
      const names = Object.keys(known).join(', ');
      this.check(name in known, `${prefix}${name}: unknown option (known are ${names})`);
    }
  }

  count(name: string, given: unknown, preset: number, minimum: number, maximum: number = MAX_TIMER): number {
    const value = given ?? preset;
    const good = Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
    this.check(good, `${name}: must be a whole number from ${minimum} to ${maximum}`);
    return Number(value);
  }

  url(name: string, given: unknown, protocols: readonly string[]): void {
    if (given === undefined) return;
    const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined;
    const good = url !== undefined && protocols.includes(url.protocol);
    this.check(good, `${name}: must be a URL that begins with ${protocols.join('// or ')}//`);
  }
}

/** Checks everything and throws one `SSM_OPTIONS_INVALID` that names every problem. */
export function resolveOptions(options: TunnelOptions): ResolvedOptions {
  const problems = new Problems();
  problems.unknown(options, OPTIONS);
  const { useFipsEndpoint, region, reason = 'postern' } = options;
  const target = readTarget(options, problems);
  checkDestination(options, problems);
  problems.check(
    region === undefined || (typeof region === 'string' && region !== ''),
    'region: must not be empty',
  );
  problems.url('endpoint', options.endpoint, ['https:', 'http:']);
  problems.url('streamEndpoint', options.streamEndpoint, ['wss:', 'ws:']);
  if (options.proxy !== false) problems.url('proxy', options.proxy, ['http:', 'https:']);
  problems.check(
    useFipsEndpoint === undefined || typeof useFipsEndpoint === 'boolean',
    'useFipsEndpoint: must be true or false',
  );
  problems.check(
    typeof reason === 'string' && REASON.test(reason),
    'reason: must have 1 to 200 characters, in one line',
  );
  const resolved: ResolvedOptions = {
    ...target,
    ...sessionDocument(options),
    region,
    endpoint: options.endpoint,
    streamEndpoint: options.streamEndpoint,
    useFipsEndpoint,
    proxy: options.proxy,
    credentials: options.credentials,
    reason,
    handshakeTimeoutMs: problems.count('handshakeTimeoutMs', options.handshakeTimeoutMs, 30_000, 1),
    connectTimeoutMs: problems.count('connectTimeoutMs', options.connectTimeoutMs, 15_000, 1),
    pingIntervalMs: problems.count('pingIntervalMs', options.pingIntervalMs, 25_000, 10),
    keepAliveIntervalMs:
      options.keepAliveIntervalMs === undefined
        ? undefined
        : problems.count('keepAliveIntervalMs', options.keepAliveIntervalMs, 0, 0),
    halfCloseLingerMs: problems.count('halfCloseLingerMs', options.halfCloseLingerMs, 30_000, 0),
    streamBufferBytes: problems.count(
      'streamBufferBytes',
      options.streamBufferBytes,
      16 * 1024 * 1024,
      64 * 1024,
    ),
    uploadPayloadBytes: problems.count('uploadPayloadBytes', options.uploadPayloadBytes, 1_024, 64, 65_536),
    sessions: readPool(options.sessions ?? {}, problems),
    reconnectTimeoutMs: problems.count('reconnectTimeoutMs', options.reconnectTimeoutMs, 600_000, 0),
    ackTimeoutMs: problems.count('ackTimeoutMs', options.ackTimeoutMs, 300_000, 1_000),
  };
  if (problems.all.length > 0) throw optionsInvalid(problems.all);
  return Object.freeze(resolved);
}

export function optionsInvalid(problems: readonly string[]): TunnelError {
  return new TunnelError('SSM_OPTIONS_INVALID', `The options are invalid. ${problems.join('. ')}.`, {
    hint: 'Correct the options named in the message.',
    problems,
  });
}

function readTarget(
  { target }: TunnelOptions,
  problems: Problems,
): Pick<ResolvedOptions, 'candidates' | 'tags'> {
  if (typeof target === 'object' && target !== null && 'tags' in target) {
    const tags = Object.entries(target.tags ?? {});
    const good = tags.length > 0 && tags.every(([key, value]) => key !== '' && typeof value === 'string');
    problems.check(good, 'target.tags: must have one tag or more, each with a text as its value');
    return { candidates: undefined, tags: target.tags };
  }
  const candidates: readonly unknown[] = Array.isArray(target) ? target : [target];
  problems.check(candidates.length > 0, `target: must name one node or more (${TARGET_FORMS})`);
  for (const [at, candidate] of candidates.entries()) {
    const name = Array.isArray(target) ? `target[${at}]` : 'target';
    problems.check(
      typeof candidate === 'string' && TARGET.test(candidate),
      `${name}: must be ${TARGET_FORMS}`,
    );
  }
  return { candidates: candidates.map(String), tags: undefined };
}

function checkDestination({ remotePort, remoteHost, document }: TunnelOptions, problems: Problems): void {
  problems.check(
    remotePort === undefined
      ? document !== undefined
      : Number.isInteger(remotePort) && remotePort >= 1 && remotePort <= 65_535,
    'remotePort: must be a whole number from 1 to 65535',
  );
  problems.check(
    remoteHost === undefined || (typeof remoteHost === 'string' && HOST.test(remoteHost)),
    'remoteHost: must have 3 characters or more and none that the session document refuses',
  );
  if (document === undefined) return;
  problems.check(
    typeof document.name === 'string' && DOCUMENT.test(document.name),
    'document.name: must be the name or ARN of a session document',
  );
  for (const [name, value] of Object.entries(document.parameters ?? {})) {
    const good = typeof value === 'string' && value !== '';
    problems.check(good, `document.parameters.${name}: must be a non-empty string`);
  }
}

function readPool(pool: SessionPoolOptions, problems: Problems): Required<SessionPoolOptions> {
  problems.unknown(pool, POOL_OPTIONS, 'sessions.');
  const max = problems.count('sessions.max', pool.max, Math.max(1, pool.min ?? 1), 1, 64);
  const min = problems.count('sessions.min', pool.min, 1, 0, 64);
  problems.check(min <= max, 'sessions.min: must not be above sessions.max');
  return { min, max, idleMs: problems.count('sessions.idleMs', pool.idleMs, 60_000, 1) };
}

function sessionDocument({
  target,
  remotePort,
  remoteHost,
  document,
}: TunnelOptions): Pick<ResolvedOptions, 'documentName' | 'parameters' | 'destination'> {
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
      destination: `port ${remotePort} of ${typeof target === 'string' ? target : 'the node'}`,
    };
  }
  return {
    documentName: 'AWS-StartPortForwardingSessionToRemoteHost',
    parameters: { host: [remoteHost], ...ports },
    destination: `${remoteHost}:${remotePort}`,
  };
}
