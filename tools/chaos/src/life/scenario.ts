import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { type SsmStatistics, startSsmSimulator, type Violation } from '@postern/ssm-simulator';
import { isTunnelError, openTunnel, type Tunnel, type TunnelStatistics } from '@postern/ssm-tunnel';
import { REGION, TARGET } from '../peer/peer.ts';
import { QueryConnection, startQueryServer } from './queries.ts';
import { RotatingCredentials, type SignedUse } from './rotating-credentials.ts';
import type { VirtualTime } from './virtual-time.ts';

export const MINUTE_MS = 60_000;

/** The service's habits, as in reality. */
export const CLOSE_EVERY_MS: number = 60 * MINUTE_MS;
export const IDLE_TIMEOUT_MS: number = 20 * MINUTE_MS;

/** New credentials between any two closes, so that each resume needs others than the start had. */
const ROTATE_EVERY_MS = 45 * MINUTE_MS;

const QUERY_EVERY_MS = 3 * MINUTE_MS;

/** Queries until here: over two closes. */
const BUSY_MS = 125 * MINUTE_MS;

/** Then nobody asks anything, for longer than the idle timeout. */
const QUIET_UNTIL_MS = 150 * MINUTE_MS;

/** And then there are queries again. */
const END_MS = 162 * MINUTE_MS;

export interface LifeRecord {
  readonly statistics: TunnelStatistics;
  readonly simulated: SsmStatistics;
  readonly violations: readonly Violation[];
  readonly uses: readonly SignedUse[];
  readonly rotations: { readonly startMs: number; readonly everyMs: number; readonly busyMs: number };
  readonly answered: number;
  /** Queries asked within the second before a close, or at the very moment. */
  readonly inDoubt: number;
  readonly failures: readonly string[];
}

/**
 * A tunnel with a connection of a pool (through its port) and one of its own streams. Both are asked every few
 * minutes over two hourly closes, with a query under way at each. Then silence, until the service ends the session
 * for it. The next queries find a new session.
 */
export async function liveThrough(time: VirtualTime): Promise<LifeRecord> {
  const credentials = new RotatingCredentials(ROTATE_EVERY_MS);
  await using server = await startQueryServer();
  const simulator = await startSsmSimulator({
    region: REGION,
    service: { closeChannelsEveryMs: CLOSE_EVERY_MS, idleTimeoutMs: IDLE_TIMEOUT_MS },
    ...credentials.checks,
  });
  simulator.registerInstance({ instanceId: TARGET });
  const questions = new Questions(time);
  let beforeClose: NodeJS.Timeout | undefined;
  const onChannel = (message: unknown): void => {
    clearTimeout(beforeClose);
    if ((message as { state: 'opened' | 'closed' }).state === 'closed') questions.atClose();
    else beforeClose = setTimeout(() => questions.beforeClose(), CLOSE_EVERY_MS - 1_000);
  };
  subscribe('postern:ssm-simulator:channel', onChannel);
  subscribe('http.server.request.start', tellVirtualTime);
  const tunnel = await openTunnel({
    target: TARGET,
    remotePort: server.port,
    region: REGION,
    endpoint: simulator.endpoint,
    credentials: credentials.provide,
  });
  const { address } = await tunnel.listen();
  const dial = (): QueryConnection => new QueryConnection(connect('port' in address ? address.port : 0));

  const direct = new QueryConnection(tunnel.connect());
  const pooled = dial();
  await questions.askUntil(BUSY_MS, [pooled, direct], dial);
  await time.until(QUIET_UNTIL_MS);
  questions.failures.push(...endedByTimeout(pooled, direct, tunnel));
  await questions.askUntil(END_MS, [dial(), new QueryConnection(tunnel.connect())], dial);
  await questions.allAnswered();

  const statistics = tunnel.stats();
  await tunnel.close();
  unsubscribe('postern:ssm-simulator:channel', onChannel);
  unsubscribe('http.server.request.start', tellVirtualTime);
  const simulated = simulator.statistics();
  const violations = simulator.violations();
  await simulator.close();
  return {
    statistics,
    simulated,
    violations,
    uses: credentials.uses,
    rotations: { startMs: time.startedAtMs, everyMs: ROTATE_EVERY_MS, busyMs: BUSY_MS },
    answered: questions.answered,
    inDoubt: questions.inDoubt,
    failures: questions.failures,
  };
}

/** Everything that was asked. Nothing of it may fail. */
class Questions {
  readonly failures: string[] = [];
  answered = 0;
  inDoubt = 0;
  readonly #time: VirtualTime;
  readonly #asked: Promise<void>[] = [];
  #connections: readonly QueryConnection[] = [];
  #dial: (() => QueryConnection) | undefined;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Asks these connections, and now and then a fresh one, every few minutes. */
  async askUntil(
    untilMs: number,
    connections: readonly QueryConnection[],
    dial: () => QueryConnection,
  ): Promise<void> {
    this.#connections = connections;
    this.#dial = dial;
    while (this.#time.elapsedMs < untilMs) {
      this.#askAll('every few minutes');
      await this.#time.until(Math.min(untilMs, this.#time.elapsedMs + QUERY_EVERY_MS));
    }
    this.#connections = [];
    this.#dial = undefined;
  }

  /** The answer is due when the connection is gone. */
  beforeClose(): void {
    this.inDoubt += this.#askAll('under way at a close', 2_000);
  }

  /** The tunnel does not know of it yet. */
  atClose(): void {
    this.inDoubt += this.#askAll('asked at a close');
  }

  async allAnswered(): Promise<void> {
    await Promise.all(this.#asked);
  }

  #askAll(occasion: string, delayMs = 0): number {
    const fresh = this.#dial?.();
    const connections = fresh === undefined ? this.#connections : [...this.#connections, fresh];
    for (const connection of connections) {
      const question = `minute ${Math.round(this.#time.elapsedMs / MINUTE_MS)}, ${occasion}`;
      const asked = connection.ask(question, delayMs).then(
        () => {
          this.answered++;
        },
        (error: Error) => {
          this.failures.push(`query of ${question}: ${error.message}`);
        },
      );
      this.#asked.push(connection === fresh ? asked.finally(() => fresh.close()) : asked);
    }
    return connections.length;
  }
}

/** Node dates its answers by a clock of its own, and the SDK would take the difference for its own clock's error. */
function tellVirtualTime(message: unknown): void {
  (message as { response: ServerResponse }).response.setHeader('date', new Date().toUTCString());
}

/** The connections of the session that idled out have to be over, each in its own way; the tunnel has to go on. */
function endedByTimeout(pooled: QueryConnection, direct: QueryConnection, tunnel: Tunnel): string[] {
  const failures: string[] = [];
  if (pooled.ended === undefined) failures.push('the connection of the ended session seems to be alive');
  if (!isTunnelError(direct.ended) || direct.ended.code !== 'SSM_STREAM_RESET')
    failures.push(`the stream of the ended session ended with ${direct.ended}, not with SSM_STREAM_RESET`);
  if (tunnel.state.name !== 'open')
    failures.push(`the tunnel is ${tunnel.state.name} after its idle timeout`);
  return failures;
}
