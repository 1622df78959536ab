import type {
  SsmFaults,
  SsmSimulator,
  SsmStatistics,
  StandAloneOptions,
  Violation,
} from '@postern/ssm-simulator';
import type { Tunnel, TunnelOptions } from '@postern/ssm-tunnel';

/** What a test wants to be different from the harness's own options. */
export type OpenOptions = Partial<TunnelOptions>;

/**
 * Something that can open a tunnel, and what is known about the other end. The suite leaves out the tests for which
 * the optional parts would be needed.
 */
export interface ConformanceHarness {
  /** For the titles of the tests. */
  readonly name: string;
  /** Opens a tunnel to a TCP service that sends back what it gets and closes when its client does. */
  open(options?: OpenOptions): Promise<Tunnel>;
  /** What `open` passes to `openTunnel`, for a process of its own. It goes there as JSON. */
  readonly options?: TunnelOptions;
  /** Leads to a port of the node where nothing listens. */
  readonly refused?: OpenOptions;
  /** Leads to an address that agents refuse. */
  readonly forbidden?: OpenOptions;
  /** Finds and ends the sessions that killed processes left behind, by their reason. */
  readonly leftovers?: Record<'find' | 'end', (reason: string) => Promise<readonly { sessionId: string }[]>>;
  /** What can be made to go wrong at the other end. */
  readonly faults?: SsmFaults;
  /** A look into the service. */
  readonly inspect?: ServiceInspection;
  /** The same with a service that has settings of its own. */
  readonly simulate?: (settings?: ServiceSettings) => Promise<SimulatedHarness>;
}

/** A harness that has a service in its hands. */
export type FaultyHarness = ConformanceHarness & Required<Pick<ConformanceHarness, 'faults' | 'inspect'>>;

export interface ServiceInspection {
  violations(): readonly Violation[];
  statistics(): SsmStatistics;
  sessions(): readonly InspectedSession[];
  /** Open now at the service that sends everything back. */
  destinationConnections(): number;
  /** Calls back with the id of each session that starts, before its agent says a word. */
  onSessionStarted(listener: (sessionId: string) => void): Disposable;
}

export interface InspectedSession {
  readonly sessionId: string;
  readonly target: string;
  /** `Terminated` when it is over. */
  readonly state: string;
  readonly reason?: string | undefined;
}

/** What the service says of a session; undefined when it knows none of that id. */
export function sessionState(inspect: ServiceInspection, sessionId: string): string | undefined {
  return inspect.sessions().find((session) => session.sessionId === sessionId)?.state;
}

export type ServiceSettings = Omit<StandAloneOptions, 'hosts' | 'port'>;

/** A simulated service, its nodes, and the TCP service behind them. */
export interface SimulatedHarness extends FaultyHarness, AsyncDisposable {
  readonly simulator: SsmSimulator & { readonly endpoint: string };
  readonly options: TunnelOptions;
  readonly leftovers: Required<ConformanceHarness>['leftovers'];
  /** The nodes there are; the first one is the target. */
  readonly nodes: readonly [string, string];
}
