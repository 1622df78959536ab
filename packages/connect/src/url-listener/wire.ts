import { protocolViolation, type Refusal } from './refusal.ts';

/** Codes in place of a protocol version (PostgreSQL documentation, "Message Formats"). */
export const RequestCode = {
  cancel: 80877102,
  ssl: 80877103,
  gssEncryption: 80877104,
} as const;

/** `MAX_STARTUP_PACKET_LENGTH` of the server, with the length itself. */
export const MAX_STARTUP_BYTES = 10_000;

/** Protocol 3.0: what every version speaks, on both sides of the listener. */
const PROTOCOL_VERSION = 3 << 16;

/** Message types by their byte. */
export const Type = {
  authentication: 0x52, // R
  backendKeyData: 0x4b, // K
  error: 0x45, // E
  negotiateProtocolVersion: 0x76, // v
  password: 0x70, // p
  readyForQuery: 0x5a, // Z
  terminate: 0x58, // X
} as const;

/** First word of an authentication message. */
export const Authentication = { ok: 0, cleartextPassword: 3 } as const;

export interface StartupMessage {
  readonly major: number;
  readonly minor: number;
  /**
   * One character per byte, whatever the encoding of the client is: they are handed on as they came. Where a name comes
   * twice the last one counts.
   */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads a startup message without its length. */
export function decodeStartup(packet: Buffer): StartupMessage {
  const texts = packet.toString('latin1', 4).split('\0');
  // The list ends with an empty name; the split gives an empty rest behind its terminator.
  const end = texts.findIndex((text, index) => index % 2 === 0 && text === '');
  if (end < 0 || end !== texts.length - 2 || texts.at(-1) !== '')
    throw protocolViolation('invalid startup packet layout: expected terminator as last byte');
  const parameters = new Map<string, string>();
  for (let index = 0; index < end; index += 2)
    parameters.set(texts[index] as string, texts[index + 1] as string);
  return { major: packet.readUInt16BE(0), minor: packet.readUInt16BE(2), parameters };
}

export function encodeStartup(parameters: Iterable<readonly [string, string]>): Buffer {
  const pairs = [...parameters].flat().map((text) => `${text}\0`);
  return withLength(int32(PROTOCOL_VERSION), Buffer.from(`${pairs.join('')}\0`, 'latin1'));
}

/** The text that a parameter means, read as UTF-8: names of roles and databases are. */
export function utf8Of(parameter: string): string {
  return Buffer.from(parameter, 'latin1').toString('utf8');
}

/** A text as a parameter of a startup message. */
export function parameterOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function encodeSslRequest(): Buffer {
  return withLength(int32(RequestCode.ssl));
}

/** `key`: the content of BackendKeyData. */
export function encodeCancelRequest(key: Buffer): Buffer {
  return withLength(int32(RequestCode.cancel), key);
}

/** Tells a client that wanted more which minor version it gets, and which options it does not. */
export function encodeNegotiateProtocolVersion(unknownOptions: readonly string[]): Buffer {
  const names = unknownOptions.map((name) => `${name}\0`).join('');
  const body = [int32(PROTOCOL_VERSION), int32(unknownOptions.length), Buffer.from(names, 'latin1')];
  return message('v', ...body);
}

export function encodeError(refusal: Refusal): Buffer {
  const fields = { S: 'FATAL', V: 'FATAL', C: refusal.sqlstate, M: refusal.message, H: refusal.hint };
  const text = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => `${field}${String(value).replaceAll('\0', '')}\0`);
  return message('E', Buffer.from(`${text.join('')}\0`));
}

export function encodePassword(password: string): Buffer {
  return message('p', Buffer.from(`${password}\0`));
}

/** AuthenticationSASL with the one mechanism there is without TLS. */
export function encodeSasl(mechanism: string): Buffer {
  return message('R', int32(10), Buffer.from(`${mechanism}\0\0`));
}

export function encodeSaslContinue(data: string): Buffer {
  return message('R', int32(11), Buffer.from(data));
}

export function encodeSaslFinal(data: string): Buffer {
  return message('R', int32(12), Buffer.from(data));
}

/** Mechanism and data of a SASLInitialResponse. */
export function decodeSaslInitialResponse(body: Buffer): { mechanism: string; data: string } {
  const end = body.indexOf(0);
  if (end < 0 || body.length < end + 5 || body.readInt32BE(end + 1) !== body.length - end - 5)
    throw protocolViolation('malformed SASL message');
  return { mechanism: body.toString('latin1', 0, end), data: body.toString('utf8', end + 5) };
}

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(type), withLength(...parts)]);
}

function withLength(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
