import { parseScramSecret } from '../postgres/scram-secret.ts';
import { type ClientMessage, type Connection, readMessage } from './connection.ts';
import {
  hbaRejects,
  noHbaEntry,
  noReplicationEntry,
  pamFailed,
  protocolViolation,
  Refusal,
  type Visitor,
} from './refusal.ts';
import type { RoleDirectory, RoleEntry } from './role-directory.ts';
import { ScramExchange } from './scram-exchange.ts';
import type { TokenVerdict, TokenVerifier } from './token-verifier.ts';
import {
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
} from './wire.ts';

/** What the front needs to know to let somebody in. */
export interface Doorkeeping {
  readonly host: string;
  readonly port: number;
  readonly superuser: string;
  readonly forceSsl: boolean;
  readonly tokens: TokenVerifier;
  readonly roles: RoleDirectory;
  readonly certificateHash: Buffer;
  readonly pretence: Buffer;
}

export type Login =
  | { readonly method: 'token'; readonly principalArn: string }
  | { readonly method: 'password' };

/** `PG_MAX_AUTH_TOKEN_LENGTH` and `PG_MAX_SASL_MESSAGE_LENGTH` of the server. */
const longestPassword = 65_535;
const longestSaslMessage = 1_024;

/**
 * The pg_hba.conf of RDS, in this order:
 *
 * ```
 * host    rdsadmin all      all  reject
 * host    all      rdsadmin all  reject
 * hostssl all      +rds_iam all  pam
 * host    all      +rds_iam all  reject
 * hostssl all      all      all  scram-sha-256      -- host, without rds.force_ssl
 * ```
 *
 * Undefined when the client went away before the end; every other failure is a {@link Refusal}. AuthenticationOk is
 * left to the server behind.
 */
export async function authenticate(
  connection: Connection,
  parameters: ReadonlyMap<string, string>,
  door: Doorkeeping,
): Promise<Login | undefined> {
  const { user, database } = namesOf(parameters);
  const visitor: Visitor = { address: connection.address, user, database, encrypted: connection.encrypted };
  if (isPhysicalReplication(parameters.get('replication'))) throw noReplicationEntry(visitor);
  if (user === door.superuser || database === door.superuser) throw hbaRejects(visitor);
  const role = await door.roles.find(user);
  if (role?.iam) {
    if (!connection.encrypted) throw hbaRejects(visitor);
    return authenticateByToken(connection, user, door);
  }
  if (!connection.encrypted && door.forceSsl) throw noHbaEntry(visitor);
  return authenticateByPassword(connection, user, role, door);
}

/** User and database of a startup message. */
export function namesOf(parameters: ReadonlyMap<string, string>): { user: string; database: string } {
  const user = parameters.get('user');
  if (!user)
    throw new Refusal('28000', 'no PostgreSQL user name specified in startup packet', {
      routine: 'ProcessStartupPacket',
    });
  return { user, database: parameters.get('database') || user };
}

function isPhysicalReplication(value: string | undefined): boolean {
  return value !== undefined && /^(t|true|y|yes|on|1)$/i.test(value);
}

async function authenticateByToken(
  connection: Connection,
  user: string,
  door: Doorkeeping,
): Promise<Login | undefined> {
  connection.stream.write(encodeAuthenticationCleartextPassword());
  const answer = await readMessage(connection, longestPassword);
  if (!answer) return undefined;
  expectResponse(answer, 'password');
  if (answer.body.indexOf(0) !== answer.body.length - 1)
    throw protocolViolation('invalid password packet size', { routine: 'recv_password_packet' });
  if (answer.body.length === 1)
    throw new Refusal('28P01', 'empty password returned by client', { routine: 'recv_password_packet' });
  const token = answer.body.toString('utf8', 0, answer.body.length - 1);
  const verdict = await door.tokens
    .verify({ token, host: door.host, port: door.port, user })
    // On RDS a helper that does not answer shows as a failed authentication, too. Its error may quote the token.
    .catch((): TokenVerdict => ({ ok: false, reason: 'the token verifier failed' }));
  if (!verdict.ok) throw pamFailed(user, verdict.reason);
  return { method: 'token', principalArn: verdict.principalArn };
}

async function authenticateByPassword(
  connection: Connection,
  user: string,
  role: RoleEntry | undefined,
  door: Doorkeeping,
): Promise<Login | undefined> {
  const { stream } = connection;
  const exchange = new ScramExchange({
    user,
    secret: role?.password === undefined ? undefined : parseScramSecret(role.password),
    withoutSecret: whyNoSecret(role),
    pretence: door.pretence,
    certificateHash: connection.encrypted ? door.certificateHash : undefined,
  });
  stream.write(encodeAuthenticationSasl(exchange.mechanisms));
  const initial = await readMessage(connection, longestSaslMessage);
  if (!initial) return undefined;
  expectResponse(initial, 'SASL');
  const { mechanism, data } = decodeSaslInitialResponse(initial.body);
  stream.write(encodeAuthenticationSaslContinue(exchange.first(mechanism, data)));
  const last = await readMessage(connection, longestSaslMessage);
  if (!last) return undefined;
  expectResponse(last, 'SASL');
  stream.write(encodeAuthenticationSaslFinal(exchange.final(last.body.toString('utf8'))));
  return { method: 'password' };
}

function whyNoSecret(role: RoleEntry | undefined): string {
  if (!role) return 'no such role';
  if (role.passwordExpired) return 'the password has expired';
  return role.password === undefined ? 'the role has no password' : 'the stored password is no SCRAM secret';
}

function expectResponse(message: ClientMessage, what: 'password' | 'SASL'): void {
  if (message.type === 0x70) return; // 'p'
  throw protocolViolation(`expected ${what} response, got message type ${message.type}`, {
    routine: what === 'SASL' ? 'CheckSASLAuth' : 'recv_password_packet',
  });
}

function decodeSaslInitialResponse(body: Buffer): { mechanism: string; data: string } {
  const end = body.indexOf(0);
  if (end < 0 || body.length < end + 5 || body.readInt32BE(end + 1) !== body.length - end - 5)
    throw protocolViolation('malformed SASL message', { routine: 'CheckSASLAuth' });
  return { mechanism: body.toString('latin1', 0, end), data: body.toString('utf8', end + 5) };
}
