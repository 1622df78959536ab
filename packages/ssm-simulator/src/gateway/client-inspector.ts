import {
  type ClientMessage,
  decodeAcknowledge,
  decodeClientMessage,
  isProtocolError,
  MessageFlags,
  MessageType,
  PayloadType,
} from '@postern/ssm-protocol';
import type { ViolationKind } from '../violations.ts';
import { DeliveryLog } from './delivery-log.ts';

/** How far a client may jump ahead after a reconnect: what the official client keeps unacknowledged. */
const MAX_GAP_AFTER_RECONNECT = 10_000;

/**
 * Watches one client at its own edge of the gateway: sees exactly what the client sent and what was put on its
 * socket, before and after any fault. Lives as long as the session, across reconnects.
 */
export class ClientInspector {
  readonly #record: (kind: ViolationKind, detail: string) => void;
  readonly #deliveries: DeliveryLog;
  #connections = 0;
  #highestSequence = -1;
  #handshakeResponse: number | undefined;
  #handshakeCompleteDelivered = false;

  constructor(record: (kind: ViolationKind, detail: string) => void, now: () => number) {
    this.#record = record;
    this.#deliveries = new DeliveryLog(now, (sequenceNumber) =>
      record(
        'missing-re-ack',
        `output_stream_data ${sequenceNumber} came again and was not acknowledged again`,
      ),
    );
  }

  connected(): void {
    this.#connections++;
    this.#deliveries.connectionLost();
  }

  /** What a message from the client is, or undefined when it is unusable and goes nowhere. */
  fromClient(bytes: Buffer): ClientMessage | undefined {
    const message = this.#decode(bytes);
    if (message === undefined) return undefined;
    switch (message.messageType) {
      case MessageType.inputStreamData:
        this.#streamMessage(message);
        return message;
      case MessageType.acknowledge:
        return this.#acknowledge(message);
      default:
        this.#record('malformed-envelope', `a client must not send ${message.messageType}`);
        return undefined;
    }
  }

  /** Called with every message that is written to the client's socket. */
  toClient(message: ClientMessage): void {
    if (message.messageType !== MessageType.outputStreamData) return;
    if (message.payloadType === PayloadType.handshakeComplete) this.#handshakeCompleteDelivered = true;
    this.#deliveries.delivered(message.sequenceNumber);
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

  #streamMessage(message: ClientMessage): void {
    const { sequenceNumber, payloadType, flags } = message;
    if (flags !== MessageFlags.none)
      this.#record('malformed-envelope', `input_stream_data ${sequenceNumber} has flags ${flags}, not 0`);
    const gap = sequenceNumber - this.#highestSequence - 1;
    // What was in flight when a socket died never arrived, and a client may send newer messages first.
    const allowed = this.#connections > 1 ? MAX_GAP_AFTER_RECONNECT : 0;
    if (gap > allowed)
      this.#record('sequence-gap', `${sequenceNumber} follows ${this.#highestSequence}, ${gap} are missing`);
    this.#highestSequence = Math.max(this.#highestSequence, sequenceNumber);

    if (payloadType === PayloadType.handshakeResponse) {
      this.#handshakeResponse ??= sequenceNumber;
      if (this.#handshakeResponse !== sequenceNumber)
        this.#record(
          'second-handshake-response',
          `${sequenceNumber} is a HandshakeResponse, ${this.#handshakeResponse} was one already`,
        );
    } else if (payloadType !== PayloadType.encChallengeResponse && !this.#handshakeCompleteDelivered)
      this.#record('early-data', `${sequenceNumber} (payload type ${payloadType}) before HandshakeComplete`);
  }

  #acknowledge(message: ClientMessage): ClientMessage | undefined {
    const { flags, sequenceNumber, payloadType } = message;
    if (flags !== MessageFlags.control || sequenceNumber !== 0 || payloadType !== PayloadType.none)
      this.#record(
        'malformed-acknowledge',
        `flags ${flags}, sequence number ${sequenceNumber}, payload type ${payloadType}; must be 3, 0, 0`,
      );
    let acknowledged: ReturnType<typeof decodeAcknowledge>;
    try {
      acknowledged = decodeAcknowledge(message);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.#record('malformed-acknowledge', error.message);
      return undefined;
    }
    if (acknowledged.messageType !== MessageType.outputStreamData)
      this.#record('malformed-acknowledge', `AcknowledgedMessageType is ${acknowledged.messageType}`);
    if (!this.#deliveries.acknowledged(acknowledged.sequenceNumber))
      this.#record('malformed-acknowledge', `${acknowledged.sequenceNumber} was never sent`);
    return message;
  }
}
