import { invalidField } from '../errors.ts';
import { Offset } from './constants.ts';

/**
 * Bodies of Flag messages (protocol section "Flag messages"). They are ordinary sequenced stream messages,
 * so they keep their place among the data.
 */
export const SessionFlag = {
  /** Client to agent, basic mode: the local connection ended. */
  disconnectToPort: 1,
  /** Client to agent: end the session. */
  terminateSession: 2,
  /** Agent to client, mux mode: the dial for a new stream failed. Does not say which stream. */
  connectToPortError: 3,
} as const;

export function encodeSessionFlag(flag: number): Buffer {
  const body = Buffer.allocUnsafe(4);
  body.writeUInt32BE(flag);
  return body;
}

/** The flag's number; unknown numbers are returned as they are, receivers ignore them. */
export function parseSessionFlag(payload: Uint8Array): number {
  if (payload.length !== 4)
    throw invalidField('Flag', Offset.payload, `has ${payload.length} bytes, must have 4`);
  return Buffer.from(payload.buffer, payload.byteOffset, 4).readUInt32BE();
}
