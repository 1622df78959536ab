import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** What PostgreSQL stores of a password (`pg_authid.rolpassword`, documentation of that catalog; RFC 5802). */
export interface ScramSecret {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const derive = promisify(pbkdf2);
const format = /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/** Reads a stored secret; undefined for anything else, such as an MD5 hash. */
export function parseScramSecret(stored: string): ScramSecret | undefined {
  const [, iterations, salt, storedKey, serverKey] = format.exec(stored) ?? [];
  if (!iterations || !salt || !storedKey || !serverKey) return undefined;
  const secret = {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
  return secret.storedKey.length === 32 && secret.serverKey.length === 32 ? secret : undefined;
}

/** The stored form of `password`, so that the password itself is never part of an SQL statement. */
export async function scramSecretOf(password: string, salt: Buffer = randomBytes(16)): Promise<string> {
  const iterations = 4096; // PostgreSQL's default `scram_iterations`
  const salted = await derive(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

export function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
