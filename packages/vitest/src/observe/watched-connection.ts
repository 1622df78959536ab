import type { EventEmitter } from 'node:events';
import { epoch, now } from '../clock.ts';
import { callerFrames, captureStack } from './caller-stack.ts';
import type { LoggedQuery, ObservedSession, SessionLeak, SessionState } from './observed-session.ts';
import { cleanUpStatement, leavesState, preparedBySql } from './session-state.ts';
import { type Exchange, rowsOf, shownText } from './wire-log.ts';

/** The part of pg's Connection that is used; what custom submittables (cursors, COPY) call, too. */
export interface PgConnection extends EventEmitter {
  readonly stream?: { readonly destroyed?: boolean; readonly writableEnded?: boolean };
  /** Its owner has said goodbye; the stream may still be open. */
  readonly _ending?: boolean;
  connect(...address: unknown[]): unknown;
  query(text: string): unknown;
  parse(statement: { text: string; name?: string }): unknown;
  bind(portal: { statement?: string; values?: readonly unknown[] }): unknown;
  sync(): unknown;
}

/** What a session tells its observer. */
export interface SessionListener {
  ready(connectMs: number): void;
  /** An answer came that the application had to wait for. */
  roundTrip(): void;
  answered(query: LoggedQuery): void;
  /** Whether anybody wants `answered`'s text. */
  readonly logging: boolean;
  closed(connected: boolean): void;
}

const STATES = { I: 'idle', T: 'transaction', E: 'failed-transaction' } as const;
type Idle = (typeof STATES)[keyof typeof STATES];

/**
 * Follows one connection of pg by what goes over it, from below: pg's Client, its queries and its pool are as they
 * were. Messages out are seen by methods put in front of the connection's own, messages in by its events.
 */
export class WatchedConnection implements ObservedSession {
  readonly database: string;
  readonly role: string;
  readonly #connection: PgConnection;
  readonly #listener: SessionListener;
  readonly #opened: Error = captureStack();
  readonly #textOfName: Map<string, string> = new Map();
  readonly #prepared: Set<string> = new Set();
  /** Synchronised, and not answered yet. The server answers in this order, also when pg pipelines. */
  readonly #sent: Exchange[] = [];
  /** Not synchronised yet: between Parse and Sync, or while a cursor is read. */
  #building: Exchange | undefined;
  #pid: number | undefined;
  #between: Idle | undefined;
  #closed = false;
  #stateful = false;
  #connectAt: number = now();
  #checkout: { stack: Error | undefined } | undefined;
  #pooled = false;
  #began: Error | undefined;
  #cleaning: Promise<boolean> | undefined;
  /** Since the end of the scope nobody has used it: should it be ended now, that is our doing. */
  #over = false;

  constructor(connection: PgConnection, of: { database: string; role: string }, listener: SessionListener) {
    this.database = of.database;
    this.role = of.role;
    this.#connection = connection;
    this.#listener = listener;
    this.#watchOut();
    this.#watchIn();
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  get state(): SessionState {
    if (this.#closed || this.#isEnding()) return 'closed';
    if (this.#between === undefined) return 'connecting';
    return this.#sent.length > 0 || this.#building !== undefined ? 'busy' : this.#between;
  }

  get stateful(): boolean {
    return this.#stateful;
  }

  get checkedOut(): boolean | undefined {
    return this.#pooled ? this.#checkout !== undefined : undefined;
  }

  /** A pool hands the session out. The result is for {@link checkIn}: a late second release means nothing. */
  checkOut(): object {
    this.#pooled = true;
    this.#checkout = { stack: undefined };
    return this.#checkout;
  }

  checkIn(checkout: object): void {
    if (this.#checkout === checkout) this.#checkout = undefined;
  }

  /** What is wrong with it if nobody should be using the database any more. */
  leak(): SessionLeak | undefined {
    const { pid, database, role } = this;
    const state = this.#isRefused() ? this.#stateAfterError() : this.state;
    const kind = state === 'idle' && this.#checkout !== undefined ? 'checked-out' : state;
    if (kind === 'idle' || kind === 'connecting' || kind === 'closed') return undefined;
    const candidates = [this.#began, this.#checkout?.stack, this.#sent[0]?.stack, this.#opened];
    const stack = candidates.map(callerFrames).find((frames) => frames.length > 0) ?? [];
    return { kind, pid, database, role, stack };
  }

  /** Ended by its owner, who may have done so before the last answer was read: pools do after an error. */
  #isEnding(): boolean {
    const { stream, _ending } = this.#connection;
    return _ending === true || stream?.destroyed === true || stream?.writableEnded === true;
  }

  /** The only statement under way has its error, which rejected its promise; "ready" comes in the next message. */
  #isRefused(): boolean {
    if (this.state !== 'busy' || this.#building !== undefined) return false;
    return this.#sent.length === 1 && this.#sent[0]?.error !== undefined;
  }

  #stateAfterError(): SessionState {
    return this.#between === 'idle' ? 'idle' : 'failed-transaction';
  }

  /**
   * The scope that the session was used in is over, and its database may be reset or dropped under it. pg tells of that by an
   * `error` event, which without a listener would end the process for something the application has no part in.
   */
  scopeOver(): void {
    this.#over = true;
    const connection = this.#connection;
    if (Object.hasOwn(connection, 'emit')) return;
    const { emit } = connection;
    const isOver = (): boolean => this.#over;
    hide(connection, 'emit', function (this: PgConnection, name: string, ...details: unknown[]): boolean {
      try {
        return Reflect.apply(emit, this, [name, ...details]) as boolean;
      } catch (error) {
        if (isOver() && ENDS.has(name)) return true;
        throw error;
      }
    });
  }

  /**
   * Brings an idle session back to what it was after logging in, by a message of its own between two of the
   * application's; the application does not see the answer. False when it was not idle, or is closed by now.
   */
  cleanUp(): Promise<boolean> {
    if (this.state !== 'idle') return Promise.resolve(false);
    if (!this.#stateful) return Promise.resolve(true);
    this.#cleaning ??= this.#exchange(cleanUpStatement(this.#prepared)).then((done) => {
      this.#cleaning = undefined;
      if (done) this.#prepared.clear();
      return done;
    });
    return this.#cleaning;
  }

  #watchOut(): void {
    const connection = this.#connection;
    before(connection, 'connect', () => {
      this.#connectAt = now();
    });
    before(connection, 'query', (text) => {
      this.#sent.push(this.#exchangeOf(String(text)));
    });
    before(connection, 'parse', (statement) => {
      const { text, name } = statement as { text: string; name?: string };
      this.#building ??= this.#exchangeOf(text);
      if (name) this.#textOfName.set(name, text);
    });
    before(connection, 'bind', (portal) => {
      const { statement, values } = portal as { statement?: string; values?: readonly unknown[] };
      this.#building ??= this.#exchangeOf(this.#textOfName.get(statement ?? '') ?? '');
      this.#building.name = statement || undefined;
      this.#building.values = values?.length ?? 0;
    });
    before(connection, 'sync', () => {
      this.#sent.push(this.#building ?? this.#exchangeOf(''));
      this.#building = undefined;
    });
  }

  #watchIn(): void {
    const connection = this.#connection;
    const current = (): Exchange | undefined => this.#sent[0] ?? this.#building;
    connection.on('backendKeyData', ({ processID }: { processID: number }) => {
      this.#pid = processID;
    });
    connection.on('commandComplete', ({ text }: { text: string }) => current()?.tags.push(text));
    connection.on('errorMessage', ({ code }: { code?: string }) => {
      const exchange = current();
      if (exchange !== undefined) exchange.error ??= code ?? 'unknown';
    });
    connection.on('portalSuspended', () => this.#listener.roundTrip());
    connection.on('readyForQuery', ({ status }: { status: keyof typeof STATES }) => {
      const first = this.#between === undefined;
      this.#between = STATES[status];
      if (first) this.#listener.ready(now() - this.#connectAt);
      else this.#answered();
    });
    connection.once('end', () => {
      this.#closed = true;
      this.#listener.closed(this.#between !== undefined);
    });
  }

  #exchangeOf(text: string): Exchange {
    this.#over = false;
    const firstOfCheckout = this.#checkout !== undefined && this.#checkout.stack === undefined;
    const begins = /^\s*(?:begin|start\s+transaction)\b/i.test(text);
    const stack = firstOfCheckout || begins ? captureStack() : undefined;
    if (firstOfCheckout && this.#checkout !== undefined) this.#checkout.stack = stack;
    return { text, name: undefined, values: 0, sentAt: now(), tags: [], error: undefined, stack };
  }

  #answered(): void {
    const exchange = this.#sent.shift();
    if (exchange === undefined) return;
    const { text, tags } = exchange;
    if (this.#between === 'idle') this.#began = undefined;
    else this.#began ??= exchange.stack ?? this.#checkout?.stack;
    if (leavesState(text, tags)) this.#stateful = true;
    for (const name of preparedBySql(text, tags)) this.#prepared.add(name);
    this.#listener.roundTrip();
    this.#listener.answered(this.#entry(exchange));
  }

  #entry({ text, name, values, sentAt, tags, error }: Exchange): LoggedQuery {
    const rows = tags.reduce((sum, tag) => sum + rowsOf(tag), 0);
    return {
      database: this.database,
      role: this.role,
      pid: this.#pid,
      text: this.#listener.logging ? shownText(text) : '',
      name,
      values,
      startedAt: epoch(sentAt),
      durationMs: now() - sentAt,
      tags,
      rows,
      error,
      transaction: this.#between ?? 'idle',
    };
  }

  /**
   * Sends a text of ours on an idle session and keeps its answer from pg's Client, which knows nothing of it. What the
   * application sends meanwhile is answered behind it.
   */
  #exchange(text: string): Promise<boolean> {
    const connection = this.#connection;
    const own = Object.getOwnPropertyDescriptor(connection, 'emit');
    const { emit } = connection;
    return new Promise((resolve) => {
      let refused = false;
      const finish = (done: boolean): void => {
        if (own === undefined) Reflect.deleteProperty(connection, 'emit');
        else Object.defineProperty(connection, 'emit', own);
        connection.off('end', onEnd);
        resolve(done);
      };
      const onEnd = (): void => finish(false);
      connection.on('end', onEnd);
      hide(connection, 'emit', function (this: PgConnection, name: string, ...details: unknown[]): boolean {
        if (!ANSWERS.has(name)) return Reflect.apply(emit, this, [name, ...details]) as boolean;
        if (name === 'errorMessage') refused = true;
        if (name === 'readyForQuery') finish(!refused);
        return true;
      });
      // Before it is known to have worked: what the application leaves behind from now on counts again.
      this.#stateful = false;
      // Past the method that we have put in front: it is not a statement of the application.
      Reflect.apply(Object.getPrototypeOf(connection).query, connection, [text]);
    }).then((done) => {
      if (!done) this.#stateful = true;
      return done === true;
    });
  }
}

/** What pg makes an `error` event of. */
const ENDS: ReadonlySet<string> = new Set(['end', 'error', 'errorMessage']);

const ANSWERS: ReadonlySet<string> = new Set([
  'commandComplete',
  'dataRow',
  'emptyQuery',
  'errorMessage',
  'readyForQuery',
  'rowDescription',
]);

/** Puts a look in front of a method of this one object. A pg that lacks the method is left alone. */
function before(
  target: PgConnection,
  method: keyof PgConnection,
  look: (...parameters: unknown[]) => void,
): void {
  const original: unknown = target[method];
  if (typeof original !== 'function') return;
  hide(target, method, function (this: PgConnection, ...parameters: unknown[]): unknown {
    look(...parameters);
    return Reflect.apply(original, this, parameters);
  });
}

function hide(target: object, name: PropertyKey, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
}
