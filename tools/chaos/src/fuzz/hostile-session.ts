import type { Duplex } from 'node:stream';
import {
  type ClientMessage,
  decodeClientMessage,
  encodeAcknowledge,
  encodeClientMessage,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  encodeSmuxFrame,
  isProtocolError,
  MessageType,
  MuxSession,
  PayloadType,
} from '@postern/ssm-protocol';
import { isTunnelError } from '@postern/ssm-tunnel';
import type { ScriptReader } from './script-reader.ts';
import { promise } from './target.ts';
import type { Carrier, Channel, ChannelLink, TunnelInternals } from './tunnel-internals.ts';

/** What may happen next; a script names it by its number. */
export const MOVES = {
  smux: 0,
  data: 1,
  output: 2,
  request: 3,
  oddRequest: 4,
  complete: 5,
  control: 6,
  acknowledge: 7,
  raw: 8,
  bent: 9,
  lost: 10,
  link: 11,
  open: 12,
  write: 13,
  close: 14,
  terminate: 15,
  tick: 16,
  flag: 17,
  read: 18,
} as const;
const KINDS = Object.values(MOVES).length;

const messageId = '0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0';
const VERSIONS: readonly [string, ...string[]] = ['3.3.987.0', '3.1.1511.0', '3.0.0.0', '', 'x', '9'];
const MAX_HELD_BYTES = 65_536 * 12;

/** A channel with streams on a link that is a list, and everything that must hold whatever happens to it. */
export class HostileSession {
  readonly #script: ScriptReader;
  readonly #internals: TunnelInternals;
  readonly #channel: Channel;
  readonly #carrier: Carrier;
  readonly #streams: Duplex[] = [];
  /** The client's stream messages by number: a repetition has to be the same. */
  readonly #sent: Buffer[] = [];
  readonly #agentMux = new MuxSession({ role: 'server' });
  #next = 0;
  #responses = 0;
  #ends = 0;
  #settled: Promise<void> = Promise.resolve();

  constructor(internals: TunnelInternals, script: ScriptReader) {
    this.#internals = internals;
    this.#script = script;
    this.#carrier = new internals.MuxCarrier({
      sessionId: 's-1',
      destination: 'db.internal:5432',
      wake: () => this.#channel.schedulePump(),
      changed: () => {},
    });
    this.#channel = new internals.DataChannel(
      {
        onReady: () => {},
        onPayload: (payload) => this.#carrier.receive(payload),
        onConnectToPortError: () => this.#carrier.connectToPortError(),
        nextPayload: (maxBytes) => this.#carrier.nextPayload(maxBytes),
        onPayloadSent: () => this.#carrier.settleWriters(),
        onLinkLost: (error) => promise(isTunnelError(error), 'a link is lost with an error of ours'),
        onOver: (error) => {
          promise(++this.#ends === 1, 'a session ends once');
          promise(error === undefined || isTunnelError(error), 'with an error of ours');
          this.#carrier.destroyAll();
        },
      },
      { uploadPayloadBytes: 1_024, ackTimeoutMs: 300_000 },
    );
  }

  async play(): Promise<void> {
    this.#channel.onOpen(this.#link());
    if (this.#script.byte() % 2 === 1) {
      this.#handshake(0);
      this.#complete();
    }
    for (let steps = 0; !this.#script.done && steps < 500; steps++) {
      const move = this.#script.byte() % KINDS;
      if (move === MOVES.tick) await turn();
      else this.#move(move);
      this.#check();
    }
    await turn();
    this.#check();
    for (const stream of this.#streams) stream.destroy();
    await this.#channel.close();
    await turn();
    await this.#settled;
    promise(this.#carrier.size === 0, 'no stream outlives its session');
    promise(this.#ends === 1, 'a session that was closed has ended');
  }

  #move(move: number): void {
    const script = this.#script;
    const channel = this.#channel;
    switch (move) {
      case MOVES.smux: {
        const [command, streamId] = [script.byte() % 6, script.byte() % 16];
        this.#output(PayloadType.output, encodeSmuxFrame({ command, streamId, data: script.some() }));
        return;
      }
      case MOVES.data:
        this.#output(PayloadType.output, script.some());
        return;
      case MOVES.output: {
        const [type, ahead] = [script.byte() % 14, (script.byte() % 16) - 8];
        this.#output(type, script.some(), Math.max(0, this.#next + ahead));
        return;
      }
      case MOVES.request:
        this.#handshake(script.byte());
        return;
      case MOVES.oddRequest:
        this.#output(PayloadType.handshakeRequest, script.some());
        return;
      case MOVES.complete:
        this.#complete();
        return;
      case MOVES.flag:
        this.#output(PayloadType.flag, Uint8Array.from([0, 0, 0, 3]));
        return;
      case MOVES.control: {
        const types = [...Object.values(MessageType), 'brand_new'];
        channel.onMessage(
          this.#message({ messageType: types[script.byte() % types.length] ?? '', payload: script.some() }),
        );
        return;
      }
      case MOVES.acknowledge: {
        const sequenceNumber = script.byte();
        const of = { messageType: MessageType.inputStreamData, messageId, sequenceNumber };
        channel.onMessage(encodeAcknowledge(of, { messageId, createdDateMs: Date.now() }));
        return;
      }
      case MOVES.raw:
        channel.onMessage(script.some());
        return;
      case MOVES.bent: {
        const bytes = this.#message({ sequenceNumber: this.#next, payload: script.some() });
        bytes[script.byte() % bytes.length] = script.byte();
        channel.onMessage(bytes);
        return;
      }
      case MOVES.lost:
        channel.onLost(Object.assign(new Error('lost'), { name: 'TunnelError', code: 'SSM_CHANNEL_LOST' }));
        return;
      case MOVES.link:
        channel.onOpen(this.#link());
        return;
      default:
        this.#use(move);
    }
  }

  /** What users of the streams do. */
  #use(move: number): void {
    const script = this.#script;
    if (move === MOVES.open) {
      if (this.#streams.length >= 8 || this.#channel.state.name === 'over') return;
      const stream = new this.#internals.TunnelStream({
        destination: 'db.internal:5432',
        halfCloseLingerMs: 60_000,
        streamBufferBytes: 65_536,
      });
      stream.on('error', (error) => promise(isTunnelError(error), 'a stream fails with an error of ours'));
      this.#streams.push(stream);
      this.#carrier.adopt(stream);
      return;
    }
    if (move === MOVES.terminate) {
      this.#channel.sendTerminateFlag();
      return;
    }
    const stream = this.#streams[script.byte() % Math.max(1, this.#streams.length)];
    if (stream === undefined || stream.destroyed) return;
    if (move === MOVES.write && stream.writable) stream.write(Buffer.alloc(script.byte() * 64, 0x0a));
    if (move === MOVES.read) stream.read();
    if (move === MOVES.close && script.byte() % 2 === 0) stream.end();
    else if (move === MOVES.close) stream.destroy();
  }

  #handshake(choice: number): void {
    const agentVersion = VERSIONS[choice % VERSIONS.length] ?? VERSIONS[0];
    const properties = { portNumber: '5432', type: choice & 64 ? 'Other' : 'LocalPortForwarding' };
    const sessionType = choice & 128 ? 'Standard_Stream' : 'Port';
    const actions = [{ actionType: 'SessionType' as const, sessionType, properties }];
    this.#output(PayloadType.handshakeRequest, encodeHandshakeRequest({ agentVersion, actions }));
  }

  #complete(): void {
    this.#output(
      PayloadType.handshakeComplete,
      encodeHandshakeComplete({ timeToCompleteNs: 1, customerMessage: '' }),
    );
  }

  #output(payloadType: number, payload: Uint8Array, sequenceNumber = this.#next++): void {
    this.#channel.onMessage(this.#message({ payloadType, payload, sequenceNumber }));
  }

  #message(part: Partial<ClientMessage>): Buffer {
    return encodeClientMessage({
      messageType: MessageType.outputStreamData,
      schemaVersion: 1,
      createdDateMs: 1_700_000_000_123,
      sequenceNumber: 0,
      flags: 0,
      messageId,
      payloadType: 0,
      payload: new Uint8Array(0),
      ...part,
    });
  }

  #link(): ChannelLink {
    let over = false;
    return {
      send: (bytes) => {
        if (!over) this.#received(bytes);
      },
      bufferedBytes: 0,
      cork: () => {},
      setRef: () => {},
      close: async () => {
        over = true;
      },
      terminate: () => {
        over = true;
      },
    };
  }

  /** The agent's reader, which is strict. */
  #received(bytes: Buffer): void {
    const message = decodeClientMessage(bytes);
    if (message.messageType === MessageType.acknowledge) return;
    promise(
      message.messageType === MessageType.inputStreamData,
      'a client sends data and acknowledgements only',
    );
    const { sequenceNumber, payloadType } = message;
    promise(sequenceNumber <= this.#sent.length, 'numbers have no gap');
    const before = this.#sent[sequenceNumber];
    if (before !== undefined) {
      promise(before.equals(bytes), 'a repetition is the same message');
      return;
    }
    this.#sent.push(Buffer.from(bytes));
    if (payloadType === PayloadType.handshakeResponse) {
      promise(++this.#responses === 1, 'a handshake is answered once');
    } else {
      promise(this.#channel.state.name === 'open', 'nothing is sent before the handshake is complete');
    }
    if (payloadType === PayloadType.output) this.#readSmux(message.payload);
  }

  #readSmux(payload: Uint8Array): void {
    try {
      for (const event of this.#agentMux.receive(payload)) {
        if (event.type === 'open')
          promise(!event.reused && event.streamId % 2 === 1, 'stream ids are new and odd');
      }
    } catch (error) {
      promise(!isProtocolError(error), `the client speaks smux (${error})`);
      throw error;
    }
  }

  #check(): void {
    const { unackedBytes } = this.#channel.statistics;
    promise(unackedBytes <= 4 * 1_024 * 1_024 + 4_096, 'what is unacknowledged is bounded');
    promise(this.#carrier.statistics.heldBytes <= MAX_HELD_BYTES, 'what is held for readers is bounded');
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
