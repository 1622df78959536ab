import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import {
  type ClientMessage,
  decodeAcknowledge,
  decodeClientMessage,
  encodeAcknowledge,
  encodeClientMessage,
  encodeHandshakeResponse,
  encodeOpenDataChannel,
  encodeSessionFlag,
  MessageFlags,
  MessageType,
  MuxSession,
  PayloadType,
  parseHandshakeRequest,
  SessionFlag,
} from '@postern/ssm-protocol';
import { WebSocket } from 'ws';

/** What the official client reads from its mux for one message (protocol section "Sizes, pacing, throughput"). */
const PAYLOAD_BYTES = 1024;
/** How long it sleeps after each. */
const SLEEP_NS = 1_000_000n;
/** The largest frame that the smux library sends. */
const FRAME_BYTES = 32_768;
const CLIENT_VERSION = '1.2.707.0';

/**
 * The official client's data path, to compare with: at most 1,024 bytes in a message, then one millisecond of sleep,
 * whatever is unacknowledged; each output message is acknowledged once it was passed on, and a duplicate is not.
 *
 * A lost acknowledgement is not repeated, which the simulator objects to: `Peer.excuse` its session.
 *
 * In its favour: the sleep is exactly one millisecond (a real one takes longer), nothing passes through a local
 * socket, and nothing is written to disk. What plays no part on a loopback is left out: retransmission, resume.
 */
export class OfficialModel {
  readonly sessionId: string;
  readonly #socket: WebSocket;
  readonly #mux = new MuxSession({ role: 'client' });
  readonly #streams = new Map<number, Duplex>();
  readonly #outgoing: Piece[] = [];
  /** Sent and unacknowledged, by number, as the official client keeps them. */
  readonly #unacknowledged = new Map<number, Buffer>();
  readonly #early = new Map<number, ClientMessage>();
  #next = 0;
  #expected = 0;
  #sending = false;
  #opened: (() => void) | undefined;

  private constructor(sessionId: string, socket: WebSocket) {
    this.sessionId = sessionId;
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#receive(decodeClientMessage(data)));
  }

  /** Starts a session at a simulator that takes unsigned requests, and waits for the end of the handshake. */
  static async open(endpoint: string, target: string, port: number): Promise<OfficialModel> {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.StartSession' },
      body: JSON.stringify({
        Target: target,
        DocumentName: 'AWS-StartPortForwardingSession',
        Parameters: { portNumber: [String(port)], localPortNumber: ['0'] },
      }),
    });
    const { SessionId, TokenValue, StreamUrl } = (await response.json()) as Record<string, string>;
    if (!SessionId || !TokenValue || !StreamUrl) throw new Error('StartSession was refused.');
    const socket = new WebSocket(StreamUrl, { perMessageDeflate: false });
    await once(socket, 'open');
    const model = new OfficialModel(SessionId, socket);
    const opened = new Promise<void>((resolve) => {
      model.#opened = resolve;
    });
    const [requestId, clientId] = [randomUUID(), randomUUID()];
    socket.send(
      encodeOpenDataChannel({ requestId, tokenValue: TokenValue, clientId, clientVersion: CLIENT_VERSION }),
    );
    await opened;
    return model;
  }

  connect(): Duplex {
    const { streamId, frame } = this.#mux.open();
    this.#enqueue(frame);
    const stream = new Duplex({
      read() {},
      write: (chunk: Buffer, _encoding, callback) => {
        for (let at = 0; at < chunk.length; at += FRAME_BYTES) {
          const data = chunk.subarray(at, at + FRAME_BYTES);
          const header = this.#mux.dataHeader(streamId, data.length);
          if (header !== undefined) this.#enqueue(header, data);
        }
        this.#whenSent(callback);
      },
      destroy: (error, callback) => {
        this.#streams.delete(streamId);
        const fin = this.#mux.close(streamId);
        if (fin !== undefined) this.#enqueue(fin);
        callback(error);
      },
    });
    this.#streams.set(streamId, stream);
    return stream;
  }

  /** Sends the flag that ends the session, behind everything else. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#whenSent(resolve));
    this.#send(PayloadType.flag, encodeSessionFlag(SessionFlag.terminateSession));
    await once(this.#socket, 'close');
  }

  #enqueue(...pieces: readonly Uint8Array[]): void {
    for (const bytes of pieces) this.#outgoing.push({ bytes });
    if (!this.#sending) void this.#sendAll();
  }

  #whenSent(callback: () => void): void {
    if (this.#outgoing.length === 0) callback();
    else this.#outgoing.push({ bytes: new Uint8Array(0), sent: callback });
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    // A pipe is read by another thread: what is written in one go can be read in one go.
    await new Promise(setImmediate);
    while (this.#outgoing.length > 0) {
      const { payload, sent } = this.#take();
      if (payload.length > 0) {
        this.#send(PayloadType.output, payload);
        await sleep();
      }
      for (const callback of sent) callback();
    }
    this.#sending = false;
  }

  #take(): { payload: Uint8Array; sent: (() => void)[] } {
    const parts: Uint8Array[] = [];
    const sent: (() => void)[] = [];
    let missing = PAYLOAD_BYTES;
    for (;;) {
      const first = this.#outgoing[0];
      if (first === undefined || (missing === 0 && first.bytes.length > 0)) break;
      const part = first.bytes.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      if (part.length < first.bytes.length) first.bytes = first.bytes.subarray(part.length);
      else {
        this.#outgoing.shift();
        if (first.sent !== undefined) sent.push(first.sent);
      }
    }
    return { payload: Buffer.concat(parts), sent };
  }

  #send(payloadType: number, payload: Uint8Array): void {
    const sequenceNumber = this.#next++;
    const bytes = encodeClientMessage({
      messageType: MessageType.inputStreamData,
      schemaVersion: 1,
      createdDateMs: Date.now(),
      sequenceNumber,
      flags: MessageFlags.none,
      messageId: randomUUID(),
      payloadType,
      payload,
    });
    this.#unacknowledged.set(sequenceNumber, bytes);
    this.#socket.send(bytes);
  }

  #receive(message: ClientMessage): void {
    if (message.messageType === MessageType.acknowledge) {
      this.#unacknowledged.delete(decodeAcknowledge(message).sequenceNumber);
    } else if (message.messageType === MessageType.channelClosed) {
      this.#socket.close();
    } else if (message.messageType === MessageType.outputStreamData) {
      if (message.sequenceNumber > this.#expected) {
        this.#acknowledge(message);
        this.#early.set(message.sequenceNumber, message);
      } else if (message.sequenceNumber === this.#expected) this.#inOrder(message);
    }
  }

  #inOrder(message: ClientMessage): void {
    if (message.payloadType !== PayloadType.output) this.#acknowledge(message);
    this.#process(message);
    if (message.payloadType === PayloadType.output) this.#acknowledge(message);
    for (;;) {
      const next = this.#early.get(++this.#expected);
      if (next === undefined) return;
      this.#early.delete(this.#expected);
      this.#process(next);
    }
  }

  #process({ payloadType, payload }: ClientMessage): void {
    if (payloadType === PayloadType.handshakeRequest) {
      const { actions } = parseHandshakeRequest(payload);
      const processed = actions.map(({ actionType }) => ({ actionType, status: 1 as const, error: '' }));
      this.#send(
        PayloadType.handshakeResponse,
        encodeHandshakeResponse({ clientVersion: CLIENT_VERSION, actions: processed, errors: [] }),
      );
    } else if (payloadType === PayloadType.handshakeComplete) {
      this.#opened?.();
    } else if (payloadType === PayloadType.output) {
      for (const event of this.#mux.receive(payload)) {
        if (event.type === 'data') this.#streams.get(event.streamId)?.push(event.data);
        else if (event.type === 'end') this.#streams.get(event.streamId)?.push(null);
      }
    }
  }

  #acknowledge(message: ClientMessage): void {
    this.#socket.send(encodeAcknowledge(message, { messageId: randomUUID(), createdDateMs: Date.now() }));
  }
}

interface Piece {
  bytes: Uint8Array;
  /** Told once everything up to here was sent. */
  sent?: () => void;
}

/** One millisecond, to the microsecond: a timer would take up to two. Acknowledgements are read meanwhile. */
async function sleep(): Promise<void> {
  const until = process.hrtime.bigint() + SLEEP_NS;
  while (process.hrtime.bigint() < until) await new Promise(setImmediate);
}
