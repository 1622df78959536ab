import {
  type Acknowledgement,
  type ClientMessage,
  compareVersions,
  decodeAcknowledge,
  decodeClientMessage,
  isProtocolError,
  MessageFlags,
  MessageType,
  type OpenDataChannel,
  PayloadType,
  parseHandshakeResponse,
} from '@postern/ssm-protocol';
import type { ViolationKind } from '../violations.ts';
import { DeliveryLog } from './delivery-log.ts';
import { InputSequence } from './input-sequence.ts';
import { PauseWatch } from './pause-watch.ts';
import type { RelayedMessage } from './relayed-message.ts';

/** Where the envelope has its digest. */
const DIGEST_OFFSET = 80;

/** A UUID of version 4. With its halves in the wrong order on the wire, it is rarely one. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** From this version on agents do not keep smux alive, which is what a client has to ask for. */
const MIN_CLIENT_VERSION = '1.2.332.0';

/**
 * Watches one client at its own edge of the gateway: sees exactly what the client sent and what was put on its
 * socket, before and after any fault. Lives as long as the session, across reconnects.
 */
export class ClientInspector {
  readonly #record: (kind: ViolationKind, detail: string) => void;
  readonly #deliveries: DeliveryLog;
  readonly #sequence: InputSequence;
  readonly #pause: PauseWatch;
  /** MessageIds of what was delivered and not acknowledged, by sequence number. */
  readonly #messageIds = new Map<number, string>();
  #clientId: string | undefined;
  #handshakeResponse: number | undefined;
  #handshakeCompleteDelivered = false;

  /** `fence` calls back when the client has read all that was delivered before. */
  constructor(
    record: (kind: ViolationKind, detail: string) => void,
    now: () => number,
    fence: (passed: () => void) => void,
  ) {
    this.#record = record;
    this.#sequence = new InputSequence(record);
    this.#pause = new PauseWatch(now, fence);
    this.#deliveries = new DeliveryLog(
      (sequenceNumber) =>
        record(
          'missing-re-ack',
          `output_stream_data ${sequenceNumber} came again and was not acknowledged again`,
        ),
      fence,
    );
  }

  connected({ clientId = '' }: Partial<OpenDataChannel> = {}): void {
    if (clientId !== '' && this.#clientId !== undefined && clientId !== this.#clientId)
      this.#record('malformed-open', 'the ClientId is not that of the first connection');
    if (clientId !== '') this.#clientId ??= clientId;
    this.#sequence.connected();
    this.#deliveries.connectionLost();
    this.#pause.over();
  }

  /** What a message from the client is, or undefined when it is unusable and goes nowhere. */
  fromClient(bytes: Buffer): RelayedMessage | undefined {
    const message = this.#decode(bytes);
    if (message === undefined) return undefined;
    switch (message.messageType) {
      case MessageType.inputStreamData:
        this.#streamMessage(message, bytes);
        return { ...message, bytes };
      case MessageType.acknowledge:
        return this.#acknowledge(message, bytes);
      default:
        this.#record('malformed-envelope', `a client must not send ${message.messageType}`);
        return undefined;
    }
  }

  /** Called with every message after it was written to the client's socket. */
  toClient(message: ClientMessage): void {
    switch (message.messageType) {
      case MessageType.outputStreamData:
        if (message.payloadType === PayloadType.handshakeComplete) this.#handshakeCompleteDelivered = true;
        if (this.#deliveries.delivered(message.sequenceNumber))
          this.#messageIds.set(message.sequenceNumber, message.messageId);
        break;
      case MessageType.pausePublication:
        this.#pause.paused();
        break;
      case MessageType.acknowledge:
      case MessageType.startPublication:
        this.#pause.over();
        break;
      default:
        break;
    }
  }

  #decode(bytes: Buffer): ClientMessage | undefined {
    try {
      return decodeClientMessage(bytes);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      if (error.code === 'SSM_DIGEST_MISMATCH') {
        this.#record('wrong-digest', error.message);
        return decodeClientMessage(bytes, { verifyDigest: false });
      }
      this.#record('malformed-envelope', error.message);
      return undefined;
    }
  }

  #streamMessage(message: ClientMessage, bytes: Buffer): void {
    const { sequenceNumber, payloadType, flags, schemaVersion } = message;
    if (flags !== MessageFlags.none)
      this.#record('malformed-envelope', `input_stream_data ${sequenceNumber} has flags ${flags}, not 0`);
    if (schemaVersion !== 1)
      this.#record('malformed-envelope', `${sequenceNumber} has SchemaVersion ${schemaVersion}, not 1`);
    if (!UUID.test(message.messageId))
      this.#record(
        'malformed-envelope',
        `MessageId ${message.messageId} of ${sequenceNumber} is no UUID of version 4: on the wire its second half comes first`,
      );
    if (!this.#sequence.received(sequenceNumber, bytes.readUInt32BE(DIGEST_OFFSET))) return;

    const probes = this.#pause.tooMany();
    if (probes !== undefined)
      this.#record(
        'data-while-paused',
        `${sequenceNumber} is new, ${probes} of that kind came since the client read pause_publication`,
      );
    if (payloadType === PayloadType.handshakeResponse) this.#handshake(message);
    else if (payloadType !== PayloadType.encChallengeResponse && !this.#handshakeCompleteDelivered)
      this.#record('early-data', `${sequenceNumber} (payload type ${payloadType}) before HandshakeComplete`);
  }

  #handshake({ sequenceNumber, payload }: ClientMessage): void {
    if (this.#handshakeResponse !== undefined) {
      this.#record(
        'second-handshake-response',
        `${sequenceNumber} is a HandshakeResponse, ${this.#handshakeResponse} was one already`,
      );
      return;
    }
    this.#handshakeResponse = sequenceNumber;
    try {
      const { clientVersion } = parseHandshakeResponse(payload);
      if (
        !/^\d+\.\d+\.\d+\.\d+$/.test(clientVersion) ||
        compareVersions(clientVersion, MIN_CLIENT_VERSION) < 0
      )
        this.#record(
          'client-version',
          `ClientVersion ${JSON.stringify(clientVersion)} is not four numbers from ${MIN_CLIENT_VERSION} on`,
        );
    } catch (error) {
      // The agent finds out as well, and that ends the session.
      if (!isProtocolError(error)) throw error;
    }
  }

  #acknowledge(message: ClientMessage, bytes: Buffer): RelayedMessage | undefined {
    const { flags, sequenceNumber, payloadType } = message;
    if (flags !== MessageFlags.control || sequenceNumber !== 0 || payloadType !== PayloadType.none)
      this.#record(
        'malformed-acknowledge',
        `flags ${flags}, sequence number ${sequenceNumber}, payload type ${payloadType}; must be 3, 0, 0`,
      );
    let acknowledged: Acknowledgement;
    try {
      acknowledged = decodeAcknowledge(message);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.#record('malformed-acknowledge', error.message);
      return undefined;
    }
    this.#checkAcknowledgement(acknowledged, message.payload as Buffer);
    return { ...message, bytes, acknowledges: acknowledged.sequenceNumber };
  }

  #checkAcknowledgement(acknowledged: Acknowledgement, body: Buffer): void {
    const { messageType, messageId, sequenceNumber } = acknowledged;
    if (messageType !== MessageType.outputStreamData)
      this.#record('malformed-acknowledge', `AcknowledgedMessageType is ${messageType}`);
    if (!this.#deliveries.acknowledged(sequenceNumber))
      this.#record('malformed-acknowledge', `${sequenceNumber} was never sent`);
    const expectedId = this.#messageIds.get(sequenceNumber);
    if (expectedId !== undefined && expectedId !== messageId)
      this.#record(
        'malformed-acknowledge',
        `AcknowledgedMessageId is not the MessageId of ${sequenceNumber}`,
      );
    this.#messageIds.delete(sequenceNumber);
    if (!isSequential(body))
      this.#record('malformed-acknowledge', `IsSequentialMessage of ${sequenceNumber} is not true`);
  }
}

const SEQUENTIAL = Buffer.from('"IsSequentialMessage":true');

/** Nearly always written in this very way, so that it need not be parsed. */
function isSequential(body: Buffer): boolean {
  if (body.includes(SEQUENTIAL)) return true;
  const { IsSequentialMessage } = JSON.parse(body.toString()) as { IsSequentialMessage?: unknown };
  return IsSequentialMessage === true;
}
