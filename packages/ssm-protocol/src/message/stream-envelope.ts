import { encodeClientMessageOf } from './client-message.ts';
/** placeholder */
export class StreamEnvelope {
  readonly #t: string;
  constructor(messageType: string) {
    this.#t = messageType;
  }
  encode(
    createdDateMs: number,
    sequenceNumber: number,
    flags: number,
    messageId: string,
    payloadType: number,
    parts: readonly Uint8Array[],
  ): Buffer {
    return encodeClientMessageOf(
      {
        messageType: this.#t,
        schemaVersion: 1,
        createdDateMs,
        sequenceNumber,
        flags,
        messageId,
        payloadType,
      },
      parts,
    );
  }
}
