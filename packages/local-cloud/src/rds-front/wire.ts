import type { Refusal } from './refusal.ts';
import { protocolViolation } from './refusal.ts';

/** Request codes in place of a protocol version (PostgreSQL documentation, "Message Formats"). */
export const RequestCode = {
  cancel: 80877102,
  ssl: 80877103,
  gssEncryption: 80877104,
} as const;

/** First byte of a TLS record with a handshake: the client speaks TLS without asking (`sslnegotiation=direct`). */
export const tlsHandshakeByte = 0x16;

/** `MAX_STARTUP_PACKET_LENGTH` of the server. */
export const longestStartupPacket = 10_000;

/** Protocol 3.0, the newest that PostgreSQL 17 speaks. */
const protocolVersion: number = 3 << 16;

export interface StartupMessage {
  readonly major: number;
  readonly minor: number;
  /** In the client's order; a name may come twice, and then the last one counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads a startup message without its length. */
export function decodeStartup(packet: Buffer): StartupMessage {
  const version = packet.readUInt32BE(0);
  const parameters = new Map<string, string>();
  let at = 4;
  const text = (): string | undefined => {
    const end = packet.indexOf(0, at);
    if (end < 0) return undefined;
    const value = packet.toString('utf8', at, end);
    at = end + 1;
    return value;
  };
  let name = text();
  while (name) {
    const value = text();
    if (value === undefined) break;
    parameters.set(name, value);
    name = text();
  }
  if (name !== '' || at !== packet.length)
    throw protocolViolation('invalid startup packet layout: expected terminator as last byte', {
      routine: 'ProcessStartupPacket',
    });
  return { major: version >>> 16, minor: version & 0xffff, parameters };
}

/** A whole startup message of protocol 3.0. */
export function encodeStartup(parameters: Iterable<readonly [string, string]>): Buffer {
  const pairs = [...parameters].flat().map((text) => `${text}\0`);
  return withLength(Buffer.concat([int32(protocolVersion), Buffer.from(`${pairs.join('')}\0`)]));
}

/** Tells a client that wanted more which minor version and options it gets. */
export function encodeNegotiateProtocolVersion(unknownOptions: readonly string[]): Buffer {
  const names = unknownOptions.map((name) => `${name}\0`).join('');
  return message('v', int32(protocolVersion), int32(unknownOptions.length), Buffer.from(names));
}

export function encodeErrorResponse(refusal: Refusal): Buffer {
  const fields = {
    S: 'FATAL',
    V: 'FATAL',
    C: refusal.sqlstate,
    M: refusal.message,
    D: refusal.detail,
    R: refusal.routine,
  };
  const text = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => `${field}${value}\0`);
  return message('E', Buffer.from(`${text.join('')}\0`));
}

export function encodeAuthenticationCleartextPassword(): Buffer {
  return message('R', int32(3));
}

export function encodeAuthenticationSasl(mechanisms: readonly string[]): Buffer {
  return message('R', int32(10), Buffer.from(`${mechanisms.join('\0')}\0\0`));
}

export function encodeAuthenticationSaslContinue(data: string): Buffer {
  return message('R', int32(11), Buffer.from(data));
}

export function encodeAuthenticationSaslFinal(data: string): Buffer {
  return message('R', int32(12), Buffer.from(data));
}

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(type), withLength(Buffer.concat(parts))]);
}

function withLength(body: Buffer): Buffer {
  return Buffer.concat([int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
