import type { Client, PoolConfig } from 'pg';
import { epoch, later, notLater, now } from '../clock.ts';
import type { LoggedQuery, ObservedSession, SessionCounters, SessionLeak } from './observed-session.ts';
import { type PoolClientClass, trackingCheckouts } from './pool-client.ts';
import { type PgConnection, WatchedConnection } from './watched-connection.ts';
import { CollectingLog, type QueryLog } from './wire-log.ts';

export interface ObserverOptions {
  /**
   * `Client` of the pg that the project's pools come from. With it, sessions that a pool has handed out and not got back
   * are known. Without it (default), only what the wire shows.
   */
  readonly Client?: typeof Client | undefined;
}

/** Watches the sessions of this process with test databases, without changing how pg behaves for the application. */
export interface SessionObserver {
  /**
   * The same options, for sessions that are watched: of `new Pool(…)` and `new Client(…)`, of whichever copy of pg. A
   * property that was not enumerable stays so.
   */
  observe<T extends PoolConfig>(config: T, of: { database: string; role: string }): T;
  /** Sessions that are open or opening; of one database, or all. */
  sessions(database?: string): readonly ObservedSession[];
  /** Sessions that somebody has not finished with: in a transaction, checked out or busy. */
  leaks(database?: string): readonly SessionLeak[];
  /**
   * At the end of a scope: brings idle sessions that were left with settings, locks, listeners or temporary tables back
   * to what they were, and tells which sessions hold nothing (`keep`, for the database's reset) and which are leaks.
   * Never rejects; a session that does not answer within `timeoutMs` (default 2,000) is not kept. That the database is reset
   * or dropped under these sessions from now on is no uncaught error, until they are used again.
   */
  settle(database: string, options?: { timeoutMs?: number }): Promise<SettledSessions>;
  counters(): SessionCounters;
  countersSince(before: SessionCounters): SessionCounters;
  /** When connections were opened since the last time this was asked, at most 1,000 of them. */
  takeConnects(): readonly OpenedConnection[];
  /** Logs statements from now on. Concurrent tests with one database share its sessions, and so their log. */
  startLog(options?: { database?: string }): QueryLog;
}

interface SettledSessions {
  readonly keep: readonly number[];
  readonly leaks: readonly SessionLeak[];
}

/** From connect() until the session could take a statement. */
export interface OpenedConnection {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
}

const MAX_CONNECTS = 1_000;
const DEFAULT_SETTLE_TIMEOUT_MS = 2_000;

type Counts = { -readonly [Name in keyof SessionCounters]: number };

export function openObserver(options: ObserverOptions = {}): SessionObserver {
  const sessions = new Map<object, WatchedConnection>();
  const logs = new Set<CollectingLog>();
  const connects: OpenedConnection[] = [];
  const counts: Counts = {
    queries: 0,
    roundTrips: 0,
    connections: 0,
    failedConnections: 0,
    errors: 0,
    connectMs: 0,
  };
  const watch = (connection: PgConnection, of: { database: string; role: string }): void => {
    const session = new WatchedConnection(connection, of, {
      ready(connectMs) {
        counts.connections += 1;
        counts.connectMs += connectMs;
        if (connects.length < MAX_CONNECTS) {
          const startedAt = epoch(now()) - connectMs;
          connects.push({ startedAt, durationMs: connectMs });
        }
      },
      roundTrip() {
        counts.roundTrips += 1;
      },
      answered(query: LoggedQuery) {
        counts.queries += 1;
        if (query.error !== undefined) counts.errors += 1;
        for (const log of logs) log.add(query);
      },
      get logging() {
        return logs.size > 0;
      },
      closed(connected) {
        if (!connected) counts.failedConnections += 1;
        sessions.delete(connection);
      },
    });
    sessions.set(connection, session);
  };
  const sessionsOf = (database?: string): WatchedConnection[] =>
    [...sessions.values()].filter((session) => database === undefined || session.database === database);
  const leaks = (database?: string): readonly SessionLeak[] =>
    sessionsOf(database)
      .map((session) => session.leak())
      .filter((leak) => leak !== undefined);
  const PooledClient: PoolClientClass | undefined =
    options.Client === undefined
      ? undefined
      : trackingCheckouts(options.Client, (connection) => sessions.get(connection));

  return {
    observe: (config, of) => observed(config, (connection) => watch(connection, of), PooledClient),
    sessions: sessionsOf,
    leaks,
    async settle(database, { timeoutMs = DEFAULT_SETTLE_TIMEOUT_MS } = {}) {
      const found = leaks(database);
      for (const session of sessionsOf(database)) session.scopeOver();
      const idle = sessionsOf(database).filter(
        (session) => session.state === 'idle' && session.checkedOut !== true,
      );
      const clean = await within(timeoutMs, idle);
      return { keep: clean.map(({ pid }) => pid).filter((pid) => pid !== undefined), leaks: found };
    },
    counters: () => ({ ...counts }),
    countersSince: (before) => difference(counts, before),
    takeConnects: () => connects.splice(0),
    startLog({ database } = {}) {
      const log: CollectingLog = new CollectingLog(database, () => logs.delete(log));
      logs.add(log);
      return log;
    },
  };
}

/** Cleans sessions up; those that are clean when the time is over. */
async function within(
  timeoutMs: number,
  sessions: readonly WatchedConnection[],
): Promise<WatchedConnection[]> {
  const clean: WatchedConnection[] = [];
  const work = Promise.all(
    sessions.map(async (session) => {
      if (await session.cleanUp()) clean.push(session);
    }),
  );
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = later(resolve, timeoutMs);
  });
  await Promise.race([work, over]);
  notLater(timer);
  // One that the application took up again meanwhile is not clean any more.
  return clean.filter((session) => session.state === 'idle' && !session.stateful);
}

/**
 * pg asks an option that is a function for its stream, as a method of the connection that is being made: that is where
 * the connection can be had before anything has happened on it.
 */
function observed<T extends PoolConfig>(
  config: T,
  watch: (connection: PgConnection) => void,
  PooledClient: PoolClientClass | undefined,
): T {
  const original = config.stream;
  if (typeof original !== 'function') return config;
  const copy = Object.create(Object.getPrototypeOf(config), Object.getOwnPropertyDescriptors(config)) as T;
  Object.defineProperty(copy, 'stream', {
    value(this: unknown, ...parameters: unknown[]): unknown {
      if (isConnection(this)) watch(this);
      return Reflect.apply(original as (...parameters: unknown[]) => unknown, this, parameters);
    },
    enumerable: true,
    configurable: true,
    writable: true,
  });
  if (PooledClient !== undefined && !('Client' in config)) Object.assign(copy, { Client: PooledClient });
  return copy;
}

function isConnection(value: unknown): value is PgConnection {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['on', 'once', 'emit', 'query', 'sync'].every(
      (method) => typeof (value as Record<string, unknown>)[method] === 'function',
    )
  );
}

function difference(now: SessionCounters, before: SessionCounters): SessionCounters {
  return {
    queries: now.queries - before.queries,
    roundTrips: now.roundTrips - before.roundTrips,
    connections: now.connections - before.connections,
    failedConnections: now.failedConnections - before.failedConnections,
    errors: now.errors - before.errors,
    connectMs: now.connectMs - before.connectMs,
  };
}
