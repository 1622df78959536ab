import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { isProtocolError, parseOpenDataChannel } from '@postern/ssm-protocol';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Access } from '../access.ts';
import type { SsmCaller } from '../caller.ts';
import { isSsmApiError, SsmApiError } from '../errors.ts';
import { publish } from '../events.ts';
import type { SessionService } from '../session-service.ts';
import type { Counters } from '../statistics.ts';
import type { ViolationLog } from '../violations.ts';
import { ClientLeg } from './client-leg.ts';

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
  readonly #sockets = new Set<WebSocket>();

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** False when the path is not that of a data channel; then nothing was done with the socket. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const sessionId = dataChannelOf(request.url ?? '');
    if (sessionId === undefined) return false;
    try {
      this.#authorize(request, sessionId);
    } catch (error) {
      refuse(socket, error);
      return true;
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, sessionId));
    return true;
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
    this.#server.close();
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

  #accept(socket: WebSocket, sessionId: string): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // 'close' follows and says it all
    socket.once('close', () => this.#sockets.delete(socket));
    const leg = new ClientLeg(socket);
    socket.on('ping', (data) => leg.answerPing(data));
    const timeout = setTimeout(() => socket.close(REFUSED, 'No OpenDataChannel'), OPEN_TIMEOUT_MS).unref();
    socket.once('close', () => clearTimeout(timeout));
    socket.once('message', (data, isBinary) => {
      clearTimeout(timeout);
      if (this.#open(data, isBinary, sessionId)) this.#run(socket, leg, sessionId);
      else socket.close(REFUSED, 'Token is not valid');
    });
  }

  #open(data: RawData, isBinary: boolean, sessionId: string): boolean {
    const { sessions, violations } = this.#options;
    if (isBinary) {
      violations.record(sessionId, 'malformed-open', 'the first message is binary, not OpenDataChannel');
      return false;
    }
    try {
      const { tokenValue } = parseOpenDataChannel(asBuffer(data).toString());
      return sessions.find(sessionId)?.redeemToken(tokenValue) === true;
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      violations.record(sessionId, 'malformed-open', error.message);
      return false;
    }
  }

  #run(socket: WebSocket, leg: ClientLeg, sessionId: string): void {
    const relay = this.#options.sessions.relay(sessionId);
    if (relay === undefined) return;
    this.#options.counters.channelsOpened++;
    socket.on('message', (data, isBinary) => {
      if (isBinary) relay.fromClient(leg, asBuffer(data));
      else this.#options.violations.record(sessionId, 'not-binary', 'a text frame after OpenDataChannel');
    });
    socket.once('close', (code) => {
      publish('channel', { sessionId, state: 'closed', code });
      relay.detachClient(leg);
    });
    publish('channel', { sessionId, state: 'opened' });
    relay.attachClient(leg);
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
