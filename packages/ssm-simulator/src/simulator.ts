import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Access } from './access.ts';
import { operations } from './api/operations.ts';
import type { ServiceContext } from './api/service-context.ts';
import type { SsmCaller } from './caller.ts';
import { DocumentRegistry } from './documents/document-registry.ts';
import type { SessionDocument } from './documents/session-document.ts';
import { isSsmApiError, SsmApiError } from './errors.ts';
import { publish } from './events.ts';
import { ApiFaults, createFaults, type SsmFaults } from './faults.ts';
import { DelayLine } from './gateway/delay-line.ts';
import { Gateway, isSigned } from './gateway/gateway.ts';
import { InstanceRegistry, type SsmInstance } from './instances.ts';
import { readOptions, type SsmSimulatorOptions } from './options.ts';
import type { SessionStatus } from './session.ts';
import { SessionService } from './session-service.ts';
import { Counters, type SsmStatistics } from './statistics.ts';
import { type Violation, ViolationLog } from './violations.ts';

/** One session, as a test wants to know it. */
export interface SsmSessionSummary {
  readonly sessionId: string;
  readonly target: string;
  /** As StartSession had it. */
  readonly reason?: string;
  readonly state: SessionStatus;
  /** As OpenDataChannel has it. */
  readonly clientVersion?: string;
}

/** Session Manager of one account and region, with the agents of its instances. */
export interface SsmSimulator extends AsyncDisposable {
  readonly region: string;
  readonly accountId: string;
  /** Adds an instance with a running agent, or replaces the one of the same id. */
  registerInstance(instance: SsmInstance): void;
  /** Adds a session document of the account, or replaces the one of the same name. */
  registerDocument(document: { name: string; content: SessionDocument }): void;
  /** What the agents' resolver answers for a name from now on. Agents look a name up once, at a session's start. */
  setHost(host: string, addresses: string | readonly string[]): void;
  /** Where `handleUpgrade` is reachable, for example `ws://127.0.0.1:4566`: the start of every StreamUrl. */
  setStreamBase(url: string): void;
  /**
   * One API call, by the name after the dot in `X-Amz-Target`. Rejects with {@link SsmApiError} for what the
   * service answers as an error, an unknown operation included.
   */
  handleApi(operation: string, input: unknown, caller: SsmCaller): Promise<unknown>;
  /** An `upgrade` of an HTTP server. False: not the path of a data channel, and nothing was done. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  statistics(): SsmStatistics;
  /** Everything that clients did wrong so far. A test of a client wants this to be empty. */
  violations(): readonly Violation[];
  /** Throws `SSM_SIMULATOR_VIOLATIONS`, with all of them, when clients did anything wrong. */
  assertNoViolations(): void;
  /** Every session, also those that are over (the newest 10,000), in order of their start. */
  sessions(): readonly SsmSessionSummary[];
  readonly faults: SsmFaults;
  /** Ends every session, socket and timer. Idempotent. */
  close(): Promise<void>;
}

/** Who a signature that nobody checks belongs to. */
export const anonymousCaller: SsmCaller = {
  arn: 'arn:aws:iam::123456789012:user/anonymous',
  userId: 'AIDASIMULATEDANONYMOUS',
  sessionName: 'anonymous',
};

/**
 * A simulator without a server of its own, to be mounted: pass API calls to `handleApi` and upgrades to
 * `handleUpgrade`, and tell it its address with `setStreamBase`. Throws `SSM_SIMULATOR_OPTIONS_INVALID`.
 */
export function createSsmSimulator(options: SsmSimulatorOptions = {}): SsmSimulator {
  const settings = readOptions(options);
  const counters = new Counters();
  const violations = new ViolationLog();
  const instances = new InstanceRegistry(settings.agentVersion);
  const documents = new DocumentRegistry(settings);
  const access = new Access(options.authorize, settings, instances, documents);
  const sessions = new SessionService(settings, counters, violations);
  const gateway = new Gateway({
    sessions,
    access,
    counters,
    violations,
    verifyUpgrade: options.verifyUpgrade ?? ((request) => (isSigned(request) ? anonymousCaller : undefined)),
    requireSignedUpgrade: options.requireSignedUpgrade ?? false,
    oneWayDelayMs: settings.service.oneWayDelayMs,
  });
  const { resumeOfEnded, oneWayDelayMs } = settings.service;
  const context: ServiceContext = { access, instances, documents, sessions, counters, resumeOfEnded };
  const apiFaults = new ApiFaults();
  const apiPath = new DelayLine(2 * oneWayDelayMs);

  async function handleApi(operation: string, input: unknown, caller: SsmCaller): Promise<unknown> {
    try {
      if (oneWayDelayMs > 0) await new Promise<void>((resolve) => apiPath.push(resolve));
      const fault = apiFaults.take(operation);
      if (fault !== undefined) throw fault;
      const handler = operations.get(operation);
      if (handler === undefined)
        throw new SsmApiError('UnknownOperationException', `The operation ${operation} is not simulated.`);
      const answer = handler(context, input, caller);
      publish('api', { operation });
      return answer;
    } catch (error) {
      publish('api', { operation, code: isSsmApiError(error) ? error.code : 'InternalServerError' });
      throw error;
    }
  }

  let closing: Promise<void> | undefined;
  function close(): Promise<void> {
    closing ??= (async () => {
      sessions.close();
      apiPath.flush();
      await gateway.close();
    })();
    return closing;
  }

  return {
    region: settings.region,
    accountId: settings.accountId,
    registerInstance: (instance) => instances.register(instance),
    registerDocument: ({ name, content }) => void documents.register(name, content),
    setHost: (host, addresses) => settings.hosts.set(host, addresses),
    setStreamBase: (url) => {
      sessions.streamBase = url;
    },
    handleApi,
    handleUpgrade: (request, socket, head) => gateway.handleUpgrade(request, socket, head),
    statistics: () => counters.snapshot(),
    violations: () => violations.all(),
    assertNoViolations: () => violations.assertNone(),
    sessions: () =>
      sessions.all().map(({ id, target, reason, status, clientVersion }) => ({
        sessionId: id,
        target,
        ...(reason === undefined ? {} : { reason }),
        state: status,
        ...(clientVersion === undefined ? {} : { clientVersion }),
      })),
    faults: createFaults(sessions, instances, apiFaults),
    close,
    [Symbol.asyncDispose]: close,
  };
}
