import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Connection } from './connection.ts';
import { readExactly } from './read-exactly.ts';
import { protocolViolation, Refusal } from './refusal.ts';
import {
  decodeStartup,
  encodeNegotiateProtocolVersion,
  longestStartupPacket,
  RequestCode,
  tlsHandshakeByte,
} from './wire.ts';

/** What a client wants once the way of talking is settled. */
export type Opening =
  | { readonly kind: 'cancel'; readonly packet: Buffer }
  | { readonly kind: 'session'; readonly parameters: ReadonlyMap<string, string> };

export interface NegotiatedTls {
  readonly secureContext: SecureContext;
  /** Whether TLS may begin without being asked for, as it may from PostgreSQL 17 on. */
  readonly direct: boolean;
}

/** The application protocol that PostgreSQL registered for TLS (RFC 7301). */
const alpn = 'postgresql';

/**
 * Everything before authentication (PostgreSQL documentation, "Message Flow": Start-up, SSL Session Encryption,
 * Canceling Requests in Progress): TLS asked for or direct, GSS declined, protocol version settled. Switches
 * `connection` to TLS. Undefined where the server would close without a word.
 */
export async function negotiate(
  connection: Connection,
  socket: Socket,
  { secureContext, direct }: NegotiatedTls,
): Promise<Opening | undefined> {
  const first = await readExactly(socket, 1);
  if (!first) return undefined;
  socket.unshift(first);
  if (first[0] === tlsHandshakeByte) {
    if (!direct) return undefined; // an older server takes it for the length of an impossible packet
    const secure = await startTls(connection, socket, secureContext);
    // PostgreSQL demands it, so that no other protocol's TLS client ends up here by mistake or malice.
    if (secure?.alpnProtocol !== alpn) return undefined;
  }
  let askedForGss = false;
  for (;;) {
    const packet = await readStartupPacket(connection);
    if (!packet) return undefined;
    const code = packet.readUInt32BE(0);
    if (code === RequestCode.cancel) return { kind: 'cancel', packet };
    if (code === RequestCode.ssl && !connection.encrypted) {
      refuseEarlyData(connection, 'SSL');
      connection.stream.write('S');
      if (!(await startTls(connection, socket, secureContext))) return undefined;
    } else if (code === RequestCode.gssEncryption && !askedForGss) {
      askedForGss = true;
      refuseEarlyData(connection, 'GSSAPI encryption');
      connection.stream.write('N');
    } else return startSession(connection, packet);
  }
}

/** A startup packet without its length. */
async function readStartupPacket({ stream }: Connection): Promise<Buffer | undefined> {
  const length = (await readExactly(stream, 4))?.readUInt32BE(0);
  if (length === undefined || length < 8 || length > longestStartupPacket) return undefined;
  return readExactly(stream, length - 4);
}

/** Plain text behind a request for encryption was injected by somebody, or sent by a broken client. */
function refuseEarlyData({ stream }: Connection, what: string): void {
  if (stream.readableLength === 0) return;
  throw protocolViolation(`received unencrypted data after ${what} request`, {
    routine: 'ProcessStartupPacket',
    detail:
      'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
  });
}

function startTls(
  connection: Connection,
  socket: Socket,
  secureContext: SecureContext,
): Promise<TLSSocket | undefined> {
  const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: [alpn] });
  secure.on('error', () => {}); // a client that does not trust us says so by an alert; its close is enough
  connection.stream = secure;
  connection.encrypted = true;
  return new Promise((fulfil) => {
    secure.once('secure', () => fulfil(secure));
    secure.once('close', () => fulfil(undefined));
  });
}

function startSession(connection: Connection, packet: Buffer): Opening {
  const [major, minor] = [packet.readUInt16BE(0), packet.readUInt16BE(2)];
  if (major !== 3)
    throw new Refusal(
      '0A000',
      `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.0`,
      { routine: 'ProcessStartupPacket' },
    );
  const { parameters } = decodeStartup(packet);
  const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
  // The server behind would say this after the authentication, which is too late.
  if (minor > 0 || unknown.length > 0) connection.stream.write(encodeNegotiateProtocolVersion(unknown));
  return {
    kind: 'session',
    parameters: new Map([...parameters].filter(([name]) => !unknown.includes(name))),
  };
}
