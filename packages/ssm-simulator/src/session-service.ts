import { randomBytes } from 'node:crypto';
import { MessageType } from '@postern/ssm-protocol';
import { AgentWorker, type GatewayLink } from './agent/agent-worker.ts';
import { SsmSimulatorError } from './errors.ts';
import { publish } from './events.ts';
import { ClientInspector } from './gateway/client-inspector.ts';
import { SessionRelay } from './gateway/session-relay.ts';
import type { RegisteredInstance } from './instances.ts';
import type { Settings } from './options.ts';
import { Session, type SessionRequest, type SessionStatus } from './session.ts';
import type { Counters } from './statistics.ts';
import type { ViolationLog } from './violations.ts';

/** What StartSession and ResumeSession answer. */
export interface SessionAccess {
  SessionId: string;
  TokenValue: string;
  StreamUrl: string;
}

interface Entry {
  readonly session: Session;
  readonly relay: SessionRelay;
  readonly agent: AgentWorker;
}

/** Sessions kept after their end, for DescribeSessions. */
const MAX_HISTORY = 10_000;

/** Starts sessions, joins their parts (relay and agent) and ends them. */
export class SessionService {
  readonly #settings: Settings;
  readonly #counters: Counters;
  readonly #violations: ViolationLog;
  readonly #entries = new Map<string, Entry>();
  /** Opaque to clients; has the characters that break careless URL handling, as real ones have. */
  readonly #cell = `AAEC+/${randomBytes(18).toString('base64')}+b/c==`;
  #streamBase: string | undefined;
  #closed = false;

  constructor(settings: Settings, counters: Counters, violations: ViolationLog) {
    this.#settings = settings;
    this.#counters = counters;
    this.#violations = violations;
  }

  set streamBase(url: string) {
    this.#streamBase = url.replace(/\/+$/, '');
  }

  start(request: SessionRequest, instance: RegisteredInstance): Session {
    if (this.#closed) throw new SsmSimulatorError('SSM_SIMULATOR_CLOSED', 'the simulator is closed');
    if (this.#streamBase === undefined)
      throw new SsmSimulatorError(
        'SSM_SIMULATOR_NOT_MOUNTED',
        'the simulator has no address for data channels',
      );
    const session = new Session(request, Date.now());
    const violation = this.#violations.record.bind(this.#violations, session.id);
    const inspector = new ClientInspector(violation, () => performance.now());
    const relay = new SessionRelay(session.id, inspector, {
      clientChanged: (connected) => this.#move(session, connected ? 'Connected' : 'Disconnected'),
    });
    const agent = new AgentWorker(
      session,
      this.#settings.agentSettings(instance.agentVersion),
      this.#link(session, relay),
      { resolve: this.#settings.resolve, counters: this.#counters, violation },
    );
    this.#entries.set(session.id, { session, relay, agent });
    this.#counters.sessionsStarted++;
    publish('session', { sessionId: session.id, status: session.status });
    // The task reaches the agent over its control channel, a moment after the caller has its answer.
    setImmediate(() => {
      if (session.status === 'Terminated') return;
      relay.attachAgent(agent);
      agent.start();
    });
    return session;
  }

  /** A new token and where to use it. */
  access(session: Session): SessionAccess {
    return {
      SessionId: session.id,
      TokenValue: session.issueToken(),
      StreamUrl: `${this.#streamBase}/v1/data-channel/${session.id}?role=publish_subscribe&cell-number=${this.#cell}`,
    };
  }

  find(sessionId: string): Session | undefined {
    return this.#entries.get(sessionId)?.session;
  }

  relay(sessionId: string): SessionRelay | undefined {
    return this.#entries.get(sessionId)?.relay;
  }

  /** In order of their start. */
  all(): readonly Session[] {
    return [...this.#entries.values()].map(({ session }) => session);
  }

  /** Ends a session from the service's side, whatever its agent does. */
  terminate(sessionId: string, output = ''): void {
    const entry = this.#entries.get(sessionId);
    if (entry === undefined) return;
    this.#ended(entry.session, output);
    entry.agent.kill();
  }

  /** The agent's worker vanishes: the session stays, and nothing answers any more. */
  killAgent(sessionId: string): void {
    const entry = this.#entries.get(sessionId);
    if (entry?.agent.kill() === true) entry.relay.detachAgent();
  }

  /** The agent opens its data channel again, after its connection broke. One that is gone does not. */
  reconnectAgent(sessionId: string): void {
    const entry = this.#entries.get(sessionId);
    if (entry?.agent.alive !== true) return;
    entry.relay.attachAgent(entry.agent);
    // A new connection starts unpaused.
    entry.relay.say(MessageType.startPublication, 'agent');
  }

  speakAfterHandshake(sessionId: string): void {
    this.#entries.get(sessionId)?.agent.speakAfterHandshake();
  }

  close(): void {
    this.#closed = true;
    for (const { session, relay, agent } of this.#entries.values()) {
      agent.kill();
      this.#move(session, 'Terminated');
      relay.close();
    }
  }

  #link(session: Session, relay: SessionRelay): GatewayLink {
    return {
      send: (bytes) => relay.fromAgent(bytes),
      get writable() {
        return relay.clientWritable;
      },
      whenWritable: (callback) => relay.whenClientWritable(callback),
      finished: (output) => this.#ended(session, output),
    };
  }

  #ended(session: Session, output: string): void {
    if (!this.#move(session, 'Terminated')) return;
    this.relay(session.id)?.end(output);
    this.#forgetOldest();
  }

  #move(session: Session, status: SessionStatus): boolean {
    if (!session.moveTo(status, Date.now())) return false;
    if (status === 'Terminated') this.#counters.sessionsTerminated++;
    publish('session', { sessionId: session.id, status });
    return true;
  }

  #forgetOldest(): void {
    if (this.#entries.size <= MAX_HISTORY) return;
    for (const { session } of this.#entries.values())
      if (session.status === 'Terminated') {
        this.#entries.delete(session.id);
        return;
      }
  }
}
