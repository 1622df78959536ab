import { once } from 'node:events';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { isProtocolError, type OpenDataChannel, parseOpenDataChannel } from '@postern/ssm-protocol';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Access } from '../access.ts';
import type { SsmCaller } from '../caller.ts';
import { isSsmApiError, SsmApiError } from '../errors.ts';
import { publish } from '../events.ts';
import type { SessionService } from '../session-service.ts';
import type { Counters } from '../statistics.ts';
import type { ViolationLog } from '../violations.ts';
import { ClientLeg } from './client-leg.ts';
import { DelayLine } from './delay-line.ts';
import type { SessionRelay } from './session-relay.ts';

const PATH = /^\/v1\/data-channel\/([^/?#]+)\/?(?:\?|$)/;

/** How long a socket may stay open without OpenDataChannel. */
const OPEN_TIMEOUT_MS = 30_000;

/** Close code for a channel that is refused after the upgrade: unknown, used or outdated token, ended session. */
const REFUSED = 1008;

export interface GatewayOptions {
  sessions: SessionService;
  access: Access;
  counters: Counters;
  violations: ViolationLog;
  verifyUpgrade: (request: IncomingMessage) => SsmCaller | undefined;
  requireSignedUpgrade: boolean;
  oneWayDelayMs: number;
}

/** The `ssmmessages` endpoint: turns upgrades of clients into legs of their sessions' relays. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
  });
  readonly #legs = new Map<ClientLeg, Promise<void>>();
  /** An upgrade is a question and its answer. */
  readonly #upgrades: DelayLine;
  readonly #waiting = new Set<Duplex>();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#upgrades = new DelayLine(2 * options.oneWayDelayMs);
  }

  /** False when the path is not that of a data channel; then nothing was done with the socket. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const sessionId = dataChannelOf(request.url ?? '');
    if (sessionId === undefined) return false;
    if (this.#options.oneWayDelayMs === 0) this.#upgrade(request, socket, head, sessionId);
    else {
      const ignore = (): void => {}; // who is gone meanwhile is noticed below
      socket.on('error', ignore);
      this.#waiting.add(socket);
      this.#upgrades.push(() => {
        this.#waiting.delete(socket);
        socket.off('error', ignore);
        if (!socket.destroyed) this.#upgrade(request, socket, head, sessionId);
      });
    }
    return true;
  }

  /** Fulfils when every socket is closed. */
  async close(): Promise<void> {
    this.#upgrades.clear();
    for (const socket of this.#waiting) socket.destroy();
    for (const leg of this.#legs.keys()) leg.cut();
    this.#server.close();
    await Promise.all(this.#legs.values());
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, sessionId: string): void {
    try {
      this.#authorize(request, sessionId);
    } catch (error) {
      refuse(socket, error);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, socket, sessionId));
  }

  #authorize(request: IncomingMessage, sessionId: string): void {
    const { access, requireSignedUpgrade, sessions, verifyUpgrade, violations } = this.#options;
    const caller = verifyUpgrade(request);
    if (caller !== undefined) {
      access.session(caller, 'ssmmessages:OpenDataChannel', sessionId, sessions.find(sessionId));
    } else if (requireSignedUpgrade) {
      violations.record(sessionId, 'unsigned-upgrade', 'the upgrade request carries no signature');
      throw new SsmApiError('MissingAuthenticationTokenException', 'Missing Authentication Token', 403);
    }
  }

  #accept(socket: WebSocket, stream: Duplex, sessionId: string): void {
    const { counters, oneWayDelayMs, sessions, violations } = this.#options;
    const leg = new ClientLeg(socket, stream, oneWayDelayMs);
    let relay: SessionRelay | undefined;
    let state: 'new' | 'open' | 'refused' = 'new';
    leg.closeAfter(OPEN_TIMEOUT_MS, REFUSED, 'No OpenDataChannel');
    const open = (data: RawData, isBinary: boolean): void => {
      leg.keepOpen();
      const opened = this.#open(data, isBinary, sessionId);
      relay = opened === undefined ? undefined : sessions.relay(sessionId);
      state = relay === undefined ? 'refused' : 'open';
      if (opened === undefined || relay === undefined) {
        leg.close(REFUSED, 'Token is not valid');
        return;
      }
      counters.channelsOpened++;
      publish('channel', { sessionId, state: 'opened' });
      relay.attachClient(leg, opened);
    };
    const receive = (data: RawData, isBinary: boolean): void => {
      if (state === 'new') open(data, isBinary);
      else if (relay === undefined) return;
      else if (isBinary) relay.fromClient(leg, asBuffer(data));
      else violations.record(sessionId, 'not-binary', 'a text frame after OpenDataChannel');
    };
    socket.on('error', () => {}); // 'close' follows and says it all
    socket.on(
      'message',
      oneWayDelayMs === 0 ? receive : (data, isBinary) => leg.arrived(() => receive(data, isBinary)),
    );
    const closed = once(socket, 'close').then(([code]) => {
      this.#legs.delete(leg);
      leg.arrived(() => {
        if (relay === undefined) {
          leg.gone();
          return;
        }
        publish('channel', { sessionId, state: 'closed', code });
        relay.detachClient(leg);
      });
    });
    this.#legs.set(leg, closed);
  }

  /** What the client opened its channel with, when its token is good. */
  #open(data: RawData, isBinary: boolean, sessionId: string): OpenDataChannel | undefined {
    const { sessions, violations } = this.#options;
    if (isBinary) {
      violations.record(sessionId, 'malformed-open', 'the first message is binary, not OpenDataChannel');
      return undefined;
    }
    try {
      const opened = parseOpenDataChannel(asBuffer(data).toString());
      const session = sessions.find(sessionId);
      if (session?.redeemToken(opened.tokenValue) !== true) return undefined;
      session.clientVersion = opened.clientVersion;
      return opened;
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      violations.record(sessionId, 'malformed-open', error.message);
      return undefined;
    }
  }
}

/** True when the request carries a SigV4 signature, in a header or in the query. Says nothing about its worth. */
export function isSigned(request: IncomingMessage): boolean {
  return (
    request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ') === true ||
    /[?&]X-Amz-Signature=/i.test(request.url ?? '')
  );
}

function dataChannelOf(url: string): string | undefined {
  const [, encoded] = PATH.exec(url) ?? [];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

function asBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function refuse(socket: Duplex, error: unknown): void {
  const known = isSsmApiError(error)
    ? error
    : new SsmApiError('InternalServerError', 'The upgrade could not be checked.');
  const status = known.kind === 'denied' ? 403 : known.status;
  const body = JSON.stringify({ __type: known.code, message: known.message });
  socket.on('error', () => {}); // the client may be gone already
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nx-amzn-ErrorType: ${known.code}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
