import { randomUUID } from 'node:crypto';
import {
  type ClientMessage,
  decodeClientMessage,
  encodeAcknowledge,
  encodeClientMessage,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  MessageType,
  PayloadType,
  type RequestedAction,
} from '@postern/ssm-protocol';

export const portAction: RequestedAction = {
  actionType: 'SessionType',
  sessionType: 'Port',
  properties: { portNumber: '5432', localPortNumber: '0', type: 'LocalPortForwarding' },
};

/** Writes an agent's messages by hand, right or wrong, and reads the client's. */
export class ScriptedAgent {
  readonly received: ClientMessage[] = [];
  #next = 0;

  /** The next message of the agent's stream. */
  output(payloadType: number, payload: Uint8Array, change: Partial<ClientMessage> = {}): Buffer {
    return encodeClientMessage({
      messageType: MessageType.outputStreamData,
      schemaVersion: 1,
      createdDateMs: Date.now(),
      sequenceNumber: this.#next++,
      flags: 0,
      messageId: randomUUID(),
      payloadType,
      payload,
      ...change,
    });
  }

  data(payload: Uint8Array | string): Buffer {
    return this.output(PayloadType.output, Buffer.from(payload));
  }

  handshakeRequest(actions: readonly RequestedAction[] = [portAction], agentVersion = '3.3.987.0'): Buffer {
    return this.output(PayloadType.handshakeRequest, encodeHandshakeRequest({ agentVersion, actions }));
  }

  handshakeComplete(customerMessage = ''): Buffer {
    return this.output(
      PayloadType.handshakeComplete,
      encodeHandshakeComplete({ timeToCompleteNs: 1_000_000, customerMessage }),
    );
  }

  /** A message outside the stream. */
  control(messageType: string, payload: Uint8Array | string = ''): Buffer {
    return encodeClientMessage({
      messageType,
      schemaVersion: 1,
      createdDateMs: Date.now(),
      sequenceNumber: 0,
      flags: 3,
      messageId: randomUUID(),
      payloadType: PayloadType.none,
      payload: Buffer.from(payload),
    });
  }

  acknowledge(message: ClientMessage): Buffer {
    return encodeAcknowledge(message, { messageId: randomUUID(), createdDateMs: Date.now() });
  }

  receive(bytes: Uint8Array): ClientMessage {
    const message = decodeClientMessage(bytes);
    this.received.push(message);
    return message;
  }

  /** Every stream message of the client as it came, repetitions included. */
  get transmissions(): ClientMessage[] {
    return this.received.filter(({ messageType }) => messageType === MessageType.inputStreamData);
  }

  /** The client's stream messages so far, each once: a busy machine makes any client repeat itself. */
  get input(): ClientMessage[] {
    return [...new Map(this.transmissions.map((message) => [message.sequenceNumber, message])).values()];
  }

  /** Numbers that the client acknowledged, in order. */
  get acknowledged(): number[] {
    return this.received
      .filter(({ messageType }) => messageType === MessageType.acknowledge)
      .map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).AcknowledgedMessageSequenceNumber);
  }

  /** All bytes of the client's smux stream. */
  get smux(): Buffer {
    return Buffer.concat(
      this.input
        .filter(({ payloadType }) => payloadType === PayloadType.output)
        .map(({ payload }) => payload),
    );
  }
}
