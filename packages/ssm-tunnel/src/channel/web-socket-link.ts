import type { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { isTunnelError, TunnelError } from '../errors.ts';
import { MAX_MESSAGE_BYTES, PAUSE_READING_BYTES, SOCKET_CLOSE_TIMEOUT_MS } from './constants.ts';

/** One open WebSocket of a session. A session may outlive several. */
export interface Link {
  send(bytes: Buffer): void;
  /** Bytes accepted by `send` that have not left this process. */
  readonly bufferedBytes: number;
  /** Collects what is sent until the end of the current turn of the event loop into few packets. */
  cork(): void;
  /** Whether this link keeps the process alive. */
  setRef(keep: boolean): void;
  /** Closes with a close frame, waits a little, then drops the connection. */
  close(): Promise<void>;
  /** Drops the connection. */
  terminate(): void;
}

export interface LinkEvents {
  /** Called before the first message. */
  onOpen(link: Link): void;
  onMessage(bytes: Buffer): void;
  /** Called once, unless the link was closed by us. */
  onLost(error: TunnelError): void;
}

export interface LinkOptions {
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Leads through a proxy. */
  agent?: Agent;
  /** The OpenDataChannel text, sent as soon as the socket is open. */
  greeting: string;
  connectTimeoutMs: number;
  pingIntervalMs: number;
  signal: AbortSignal;
}

/** What official clients and agents put into their pings. */
const PING_BODY = 'keepalive';

/** RFC 6455, section 7.4.1. */
const MESSAGE_TOO_BIG = 1009;

/** Opens the WebSocket and sends the greeting. Rejects without leaving anything behind. */
export function openWebSocketLink(options: LinkOptions, events: LinkEvents): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(options.url, {
      headers: options.headers,
      agent: options.agent,
      handshakeTimeout: options.connectTimeoutMs,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
    let transport: Socket | undefined;
    const fail = (error: unknown): void => {
      options.signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      socket.on('error', ignore);
      socket.terminate();
      reject(error);
    };
    const onAbort = (): void => fail(options.signal.reason);
    socket.on('upgrade', (response) => {
      transport = response.socket;
    });
    socket.on('unexpected-response', (request, response) => {
      request.destroy();
      fail(upgradeRefused(response.statusCode ?? 0));
    });
    socket.on('error', (error) => fail(connectFailed(error)));
    socket.on('open', () => {
      options.signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      transport?.setNoDelay(true);
      socket.send(options.greeting);
      events.onOpen(watch(socket, transport, options.pingIntervalMs, events));
      resolve();
    });
    if (options.signal.aborted) onAbort();
    else options.signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Turns an open socket into a link that notices its own death. */
function watch(
  socket: WebSocket,
  transport: Socket | undefined,
  pingIntervalMs: number,
  events: LinkEvents,
): Link {
  let over = false;
  let alive = true;
  let corked = false;
  let paused = false;
  const pings = setInterval(() => {
    // The immediate lets an answer be read first that came in while this process was busy.
    setImmediate(() => {
      if (over) return;
      if (!alive) {
        lose(channelLost(`no answer to a ping for ${pingIntervalMs} ms`));
        return;
      }
      alive = false;
      socket.ping(PING_BODY);
    });
  }, pingIntervalMs).unref();

  const stop = (): boolean => {
    if (over) return false;
    over = true;
    clearInterval(pings);
    return true;
  };
  const lose = (error: TunnelError): void => {
    if (!stop()) return;
    socket.terminate();
    events.onLost(error);
  };
  socket.on('message', (data) => {
    alive = true;
    // With the default binaryType, text and binary messages arrive as one Buffer each.
    if (!over && Buffer.isBuffer(data)) events.onMessage(data);
  });
  socket.on('pong', () => {
    alive = true;
  });
  socket.on('error', (error) => lose(channelLost(error.message, error)));
  socket.on('close', (code, reason) => {
    if (code === MESSAGE_TOO_BIG) {
      lose(payloadTooLarge());
      return;
    }
    const words = reason.toString().replace(/[^\x20-\x7e]/g, '?');
    lose(channelLost(`the service closed it with ${code}${words === '' ? '' : ` ${words}`}`));
  });

  const sent = (): void => {
    if (!paused || over || socket.bufferedAmount > PAUSE_READING_BYTES / 2) return;
    paused = false;
    socket.resume();
  };

  return {
    send(bytes) {
      if (over) return;
      socket.send(bytes, sent);
      // What is received has to be acknowledged; who does not take the acknowledgements gets no more to send.
      if (!paused && socket.bufferedAmount > PAUSE_READING_BYTES) {
        paused = true;
        socket.pause();
      }
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    cork() {
      if (corked || transport === undefined) return;
      corked = true;
      transport.cork();
      process.nextTick(() => {
        corked = false;
        transport.uncork();
      });
    },
    setRef(keep) {
      if (keep) transport?.ref();
      else transport?.unref();
    },
    async close() {
      stop();
      if (socket.readyState === WebSocket.CLOSED) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => socket.terminate(), SOCKET_CLOSE_TIMEOUT_MS);
        socket.once('close', () => {
          clearTimeout(timer);
          resolve();
        });
        socket.close(1000);
      });
    },
    terminate() {
      stop();
      socket.terminate();
    },
  };
}

function channelLost(problem: string, cause?: unknown): TunnelError {
  return new TunnelError('SSM_CHANNEL_LOST', `The data channel was lost: ${problem}.`, {
    hint: 'Check the network between here and the service.',
    cause,
  });
}

function payloadTooLarge(): TunnelError {
  return new TunnelError('SSM_PAYLOAD_TOO_LARGE', 'The service refused an upload message for its size.', {
    hint: 'Lower uploadPayloadBytes; 1,024 is what official clients send.',
  });
}

function upgradeRefused(status: number): TunnelError {
  const message = `The service answered the WebSocket upgrade with HTTP ${status}.`;
  if (status >= 500 || status === 429 || status === 408) {
    return new TunnelError('SSM_CHANNEL_LOST', message, {
      hint: 'The service is not available at the moment.',
    });
  }
  const denied = status === 401 || status === 403;
  return new TunnelError('SSM_CHANNEL_REFUSED', message, {
    hint: denied
      ? 'Allow ssmmessages:OpenDataChannel on the session, and check clock and credentials.'
      : 'Check the endpoint and any proxy between here and the service.',
  });
}

function connectFailed(error: Error): TunnelError {
  if (isTunnelError(error)) return error; // of a proxy
  if (error.message === 'Opening handshake has timed out') {
    return new TunnelError('SSM_CHANNEL_TIMEOUT', 'The WebSocket of the data channel did not open in time.', {
      hint: 'Check that ssmmessages can be reached from here.',
      cause: error,
    });
  }
  return new TunnelError('SSM_CHANNEL_LOST', `The data channel could not be opened: ${error.message}`, {
    hint: 'Check that ssmmessages can be reached from here.',
    cause: error,
  });
}

function ignore(): void {}
