import { randomBytes } from 'node:crypto';
import { MessageType } from '@postern/ssm-protocol';
import { AgentWorker, type GatewayLink } from './agent/agent-worker.ts';
import { SsmSimulatorError } from './errors.ts';
import { publish } from './events.ts';
import type { Noise } from './gateway/noise.ts';
import { SessionRelay } from './gateway/session-relay.ts';
import type { RegisteredInstance } from './instances.ts';
import type { Settings } from './options.ts';
import { Session, type SessionRequest, type SessionStatus } from './session.ts';
import { SessionClock } from './session-clock.ts';
import type { Counters } from './statistics.ts';
import type { ViolationLog } from './violations.ts';

/** What StartSession and ResumeSession answer. */
export interface SessionAccess {
  SessionId: string;
  TokenValue: string;
  StreamUrl: string;
}

/** What works for a session until it is over. */
interface Running {
  readonly relay: SessionRelay;
  readonly agent: AgentWorker;
  readonly clock: SessionClock;
  reconnecting?: NodeJS.Timeout;
}

interface Entry {
  readonly session: Session;
  running: Running | undefined;
}

/** Sessions kept after their end, for DescribeSessions. */
const MAX_HISTORY = 10_000;

/** How long an agent takes to get a new token and to open its channel again. */
const AGENT_RECONNECT_MS = 50;

/** Starts sessions, joins their parts (relay, agent, clock) and ends them. */
export class SessionService {
  readonly #settings: Settings;
  readonly #counters: Counters;
  readonly #violations: ViolationLog;
  readonly #entries = new Map<string, Entry>();
  readonly #noises = new Set<Noise>();
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
    const running = this.#run(session, instance);
    this.#entries.set(session.id, { session, running });
    this.#counters.sessionsStarted++;
    publish('session', { sessionId: session.id, status: session.status });
    // The task reaches the agent over its control channel, a moment after the caller has its answer.
    setImmediate(() => {
      if (session.status === 'Terminated') return;
      running.relay.attachAgent(running.agent);
      running.agent.start();
    });
    return session;
  }

  /** A new token and where to use it. Counts as activity. */
  access(session: Session): SessionAccess {
    this.#running(session.id)?.clock.active();
    return {
      SessionId: session.id,
      TokenValue: session.issueToken(this.#settings.service.tokenLifetimeMs),
      StreamUrl: `${this.#streamBase}/v1/data-channel/${session.id}?role=publish_subscribe&cell-number=${this.#cell}`,
    };
  }

  find(sessionId: string): Session | undefined {
    return this.#entries.get(sessionId)?.session;
  }

  /** Undefined for a session that is over. */
  relay(sessionId: string): SessionRelay | undefined {
    return this.#running(sessionId)?.relay;
  }

  agent(sessionId: string): AgentWorker | undefined {
    return this.#running(sessionId)?.agent;
  }

  /** In order of their start. */
  all(): readonly Session[] {
    return Array.from(this.#entries.values(), ({ session }) => session);
  }

  addNoise(noise: Noise): void {
    this.#noises.add(noise);
    for (const { session, running } of this.#entries.values())
      if (noise.sessionId === undefined || noise.sessionId === session.id)
        running?.relay.faults.addNoise(noise);
  }

  removeNoise(noise: Noise): void {
    this.#noises.delete(noise);
    for (const { running } of this.#entries.values()) running?.relay.faults.removeNoise(noise);
  }

  /** Ends a session from the service's side, whatever its agent does. */
  terminate(sessionId: string, output = ''): void {
    const agent = this.agent(sessionId);
    const session = this.find(sessionId);
    if (session !== undefined) this.#ended(session, output);
    agent?.kill();
  }

  /** Ends every session of an instance. */
  terminateAll(target: string, output: string): void {
    for (const { id, target: of } of this.all()) if (of === target) this.terminate(id, output);
  }

  /** The agent's worker vanishes: the session stays, and nothing answers any more. */
  killAgent(sessionId: string): void {
    const running = this.#running(sessionId);
    if (running?.agent.kill() === true) running.relay.detachAgent();
  }

  /** The agent opens its data channel again, after its connection broke. One that is gone does not. */
  reconnectAgent(sessionId: string): void {
    const running = this.#running(sessionId);
    if (running?.agent.alive !== true) return;
    running.relay.attachAgent(running.agent);
    // A new connection starts unpaused.
    running.relay.say(MessageType.startPublication, 'agent');
  }

  close(): void {
    this.#closed = true;
    for (const { session, running } of this.#entries.values()) {
      running?.agent.kill();
      this.#move(session, 'Terminated');
      running?.relay.close();
      if (running !== undefined) stopTimers(running);
    }
  }

  #running(sessionId: string): Running | undefined {
    return this.#entries.get(sessionId)?.running;
  }

  #run(session: Session, instance: RegisteredInstance): Running {
    const { service, agentSettings, hosts } = this.#settings;
    const violation = this.#violations.record.bind(this.#violations, session.id);
    const clock = new SessionClock(service, {
      idle: () => this.terminate(session.id, 'Your session timed out due to inactivity.'),
      tooOld: () => this.terminate(session.id, 'Your session reached its maximum duration.'),
      closeChannels: () => this.#closeChannels(session.id),
    });
    const relay = new SessionRelay({
      sessionId: session.id,
      ordinal: this.#counters.sessionsStarted,
      counters: this.#counters,
      violation,
      queuesForAbsent: service.absentPeer === 'queue',
      maxPayloadBytes: service.maxPayloadBytes,
      clientChanged: (connected) => this.#move(session, connected ? 'Connected' : 'Disconnected'),
      clientActive: () => clock.active(),
    });
    for (const noise of this.#noises)
      if (noise.sessionId === undefined || noise.sessionId === session.id) relay.faults.addNoise(noise);
    const agent = new AgentWorker(
      session,
      agentSettings(instance),
      { resolve: hosts.resolve, counters: this.#counters, violation },
      this.#link(session, relay),
    );
    return { relay, agent, clock };
  }

  /** What the service does about once an hour. The client has to come back by itself, the agent does. */
  #closeChannels(sessionId: string): void {
    const running = this.#running(sessionId);
    if (running === undefined) return;
    running.relay.client?.close(1000, 'Bye');
    running.relay.detachAgent();
    clearTimeout(running.reconnecting);
    running.reconnecting = setTimeout(() => this.reconnectAgent(sessionId), AGENT_RECONNECT_MS).unref();
  }

  #link(session: Session, relay: SessionRelay): GatewayLink {
    return {
      send: (message) => relay.fromAgent(message),
      get writable() {
        return relay.clientWritable;
      },
      whenWritable: (callback) => relay.whenClientWritable(callback),
      finished: (output) => this.#ended(session, output),
    };
  }

  #ended(session: Session, output: string): void {
    if (!this.#move(session, 'Terminated')) return;
    const entry = this.#entries.get(session.id);
    if (entry?.running !== undefined) {
      stopTimers(entry.running);
      entry.running.relay.end(output);
      entry.running = undefined;
    }
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

function stopTimers({ clock, reconnecting }: Running): void {
  clock.stop();
  clearTimeout(reconnecting);
}
