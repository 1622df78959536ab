import { encodeJson, optionalText, parseJsonObject, requireCount } from '../message/json-body.ts';

/** The agent's leave to send data. */
export interface HandshakeComplete {
  /** How long the agent waited, in nanoseconds. */
  timeToCompleteNs: number;
  /** A note for the user, usually empty. */
  customerMessage: string;
}

export function encodeHandshakeComplete(complete: HandshakeComplete): Buffer {
  return Buffer.from(
    encodeJson({
      HandshakeTimeToComplete: complete.timeToCompleteNs,
      CustomerMessage: complete.customerMessage,
    }),
  );
}

export function parseHandshakeComplete(payload: Uint8Array): HandshakeComplete {
  const body = parseJsonObject('HandshakeComplete', payload);
  return {
    timeToCompleteNs: requireCount(
      'HandshakeComplete.HandshakeTimeToComplete',
      body['HandshakeTimeToComplete'] ?? 0,
    ),
    customerMessage: optionalText('HandshakeComplete.CustomerMessage', body['CustomerMessage']),
  };
}
