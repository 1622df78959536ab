import type { Duplex } from 'node:stream';
import type { Admissions, Admitted } from './admissions.ts';
import { readExactly, readMessage } from './reading.ts';
import { passwordFailed, protocolViolation, Refusal } from './refusal.ts';
import { MECHANISM, ScramExchange } from './scram.ts';
import {
  decodeSaslInitialResponse,
  decodeStartup,
  encodeNegotiateProtocolVersion,
  encodeSasl,
  encodeSaslContinue,
  encodeSaslFinal,
  MAX_STARTUP_BYTES,
  RequestCode,
  Type,
  utf8Of,
} from './wire.ts';

/** `PG_MAX_SASL_MESSAGE_LENGTH` of the server. */
const MAX_SASL_BYTES = 1_024;

/** What a client wants. */
export type Opening =
  | { readonly kind: 'cancel'; readonly key: Buffer }
  | { readonly kind: 'session'; readonly parameters: ReadonlyMap<string, string> };

/**
 * Everything before authentication (PostgreSQL documentation, "Message Flow", Start-up). Encryption is declined: the
 * bytes do not leave this machine. Undefined where the server would close without a word.
 */
export async function readOpening(client: Duplex): Promise<Opening | undefined> {
  const declined = new Set<number>();
  for (;;) {
    const length = (await readExactly(client, 4))?.readUInt32BE(0);
    if (length === undefined || length < 8 || length > MAX_STARTUP_BYTES) return undefined;
    const packet = await readExactly(client, length - 4);
    if (packet === undefined) return undefined;
    const code = packet.readUInt32BE(0);
    if (code === RequestCode.cancel)
      return packet.length === 12 ? { kind: 'cancel', key: packet.subarray(4) } : undefined;
    const encryption = code === RequestCode.ssl || code === RequestCode.gssEncryption;
    if (!encryption) return { kind: 'session', parameters: settle(client, packet) };
    if (declined.has(code)) return undefined; // asking for the same again would go on for ever
    declined.add(code);
    client.write('N');
  }
}

/** Settles the version of the protocol; gives the parameters that can be handed on. */
function settle(client: Duplex, packet: Buffer): ReadonlyMap<string, string> {
  const major = packet.readUInt16BE(0);
  if (major !== 3) {
    const asked = `${major}.${packet.readUInt16BE(2)}`;
    throw new Refusal('0A000', `unsupported frontend protocol ${asked}: server supports 3.0 to 3.0`);
  }
  const { minor, parameters } = decodeStartup(packet);
  const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
  if (minor > 0 || unknown.length > 0) client.write(encodeNegotiateProtocolVersion(unknown));
  return new Map([...parameters].filter(([name]) => !unknown.includes(name)));
}

/**
 * Has the client prove that it knows a database's password. The number of messages is the same for those who are let in, who
 * have a wrong password and who name a role that does not exist. Undefined when it goes away before the end.
 */
export async function authenticate(
  client: Duplex,
  parameters: ReadonlyMap<string, string>,
  admissions: Admissions,
): Promise<Admitted | undefined> {
  const user = utf8Of(parameters.get('user') ?? '');
  if (user === '') throw new Refusal('28000', 'no PostgreSQL user name specified in startup packet');
  const database = utf8Of(parameters.get('database') || (parameters.get('user') ?? ''));
  const exchange = new ScramExchange({ salt: admissions.salt });
  client.write(encodeSasl(MECHANISM));
  const initial = await readSasl(client);
  if (initial === undefined) return undefined;
  const { mechanism, data } = decodeSaslInitialResponse(initial);
  client.write(encodeSaslContinue(exchange.first(mechanism, data)));
  const last = await readSasl(client);
  if (last === undefined) return undefined;
  const proven = exchange.final(last.toString('utf8'), admissions.candidates());
  if (proven === undefined) throw passwordFailed(user);
  const admitted = admissions.enter(proven.candidate, user, database);
  client.write(encodeSaslFinal(proven.data));
  return admitted;
}

async function readSasl(client: Duplex): Promise<Buffer | undefined> {
  const message = await readMessage(client, MAX_SASL_BYTES);
  if (message === undefined || message.type === Type.password) return message?.body;
  throw protocolViolation(`expected SASL response, got message type ${message.type}`);
}
