import { encodeJson, member, optionalText, parseJsonObject } from '../message/json-body.ts';

/** The agent's leave to send data. */
export interface HandshakeComplete {
  /** How long the agent waited, in nanoseconds. Only information: 0 when the agent does not say. */
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
  const time = member(body, 'HandshakeTimeToComplete');
  return {
    timeToCompleteNs: typeof time === 'number' && Number.isFinite(time) ? time + 0 : 0,
    customerMessage: optionalText('HandshakeComplete.CustomerMessage', member(body, 'CustomerMessage')),
  };
}
