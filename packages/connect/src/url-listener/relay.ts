import type { Duplex } from 'node:stream';
import { readMessage } from './reading.ts';
import type { Upstream } from './upstream.ts';
import { Type } from './wire.ts';

const MAX_STARTUP_MESSAGE_BYTES = 1024 * 1024;

/** How long a side that has been told of the end may take to hear it. */
const LINGER_MS = 10_000;

/** ReadyForQuery, whatever the state of the transaction. */
const READY = Buffer.from([Type.readyForQuery, 0, 0, 0, 5]);

/** What follows outside of transactions. */
const IDLE = 0x49; // I

export interface RelayOptions {
  /** The client has been through a login already: what the server says of this one is not for it. */
  readonly again: boolean;
  readonly onKey: (key: Buffer) => void;
}

/**
 * `closed`: both sides are. The others: the server's side has been ended by `leave`, and the client, which has nothing to wait
 * for, has heard nothing of it.
 */
export type RelayEnd = 'closed' | 'left idle' | 'left in a transaction';

export interface Relay {
  readonly ended: Promise<RelayEnd>;
  /**
   * Ends the server's side. A client that waits for an answer gets `lastWords` and its end. One that is idle is left as it
   * is: that a connection nobody uses has ended is, to most pools, an error that nobody expects.
   */
  leave(lastWords: Buffer): void;
}

/**
 * Hands on what the server says, message by message until it is ready for queries, because the key for cancel requests is
 * in there; from then on bytes. Each side is read no faster than the other takes it, and each side's end ends the other.
 */
export function relay(client: Duplex, { stream: server, first }: Upstream, options: RelayOptions): Relay {
  let left = false;
  let tail: Buffer = Buffer.alloc(0);
  const onSent = (): void => {
    tail = Buffer.alloc(0);
  };
  const onAnswer = (chunk: Buffer): void => {
    const last = chunk.subarray(-READY.length - 1);
    tail = Buffer.concat([tail, last]).subarray(-READY.length - 1);
  };
  let onLeft: (how: RelayEnd) => void = () => undefined;
  const leaving = new Promise<RelayEnd>((resolve) => {
    onLeft = resolve;
  });
  // The end of one is told to the other after what it has said before.
  const closed = Promise.all([
    closeOf(client).then(() => server.destroy()),
    closeOf(server).then(() => {
      if (!left) endGently(client);
    }),
  ]);
  const begun = begin(client, { stream: server, first }, options).then((ready) => {
    if (!ready || left) return;
    onAnswer(READY);
    onAnswer(Buffer.from([IDLE]));
    client.on('data', onSent);
    server.on('data', onAnswer);
    client.pipe(server);
    server.pipe(client);
  });
  begun.catch(() => undefined);
  return {
    ended: Promise.race([
      closed.then(() => 'closed' as const),
      leaving,
      begun.then(() => new Promise<never>(() => undefined)),
    ]),
    leave(lastWords) {
      if (left || client.destroyed || server.destroyed) return;
      const isIdle = tail.length > READY.length && tail.subarray(0, READY.length).equals(READY);
      client.unpipe(server);
      server.unpipe(client);
      if (isIdle && client.readableLength === 0) {
        left = true;
        client.off('data', onSent);
        onLeft(tail.at(-1) === IDLE ? 'left idle' : 'left in a transaction');
      } else endGently(client, lastWords);
      server.destroy();
    },
  };
}

/** Up to the first ReadyForQuery. False: the server has ended it. */
async function begin(
  client: Duplex,
  { stream: server, first }: Upstream,
  { again, onKey }: RelayOptions,
): Promise<boolean> {
  const tell = (bytes: Buffer): void => {
    if (client.writableEnded || (again && bytes[0] !== Type.error)) return;
    client.write(bytes);
  };
  tell(first);
  let type = first[0];
  while (type !== Type.readyForQuery) {
    const message = await readMessage(server, MAX_STARTUP_MESSAGE_BYTES);
    if (message === undefined) {
      endGently(client);
      server.destroy();
      return false;
    }
    if (message.type === Type.backendKeyData) onKey(message.body);
    tell(message.bytes);
    type = message.type;
  }
  return true;
}

function closeOf(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}

/**
 * Ends a stream so that its last bytes arrive: to close with unread input would make the system send a reset, which can
 * overtake them. Who does not close in turn is cut off.
 */
export function endGently(stream: Duplex, lastBytes?: Buffer): void {
  if (stream.destroyed) return;
  const patience = setTimeout(() => stream.destroy(), LINGER_MS);
  patience.unref();
  stream.once('close', () => clearTimeout(patience));
  if (!stream.writableEnded) stream.end(lastBytes);
  stream.resume();
}
