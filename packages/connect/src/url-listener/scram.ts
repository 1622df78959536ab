import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { protocolViolation, Refusal } from './refusal.ts';

export const MECHANISM = 'SCRAM-SHA-256';

/** PostgreSQL's default, and the least that some clients accept (RFC 7677 section 4). */
const ITERATIONS = 4096;

/** What a server keeps of a password (RFC 5802 section 3): enough to check it, not enough to use it. */
export interface ScramSecret {
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Passwords here are ASCII, so SASLprep would change nothing. */
export function scramSecretOf(password: string, salt: Buffer): ScramSecret {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  return { storedKey: sha256(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') };
}

export interface ScramExchangeInit {
  /** The same for everybody, so that it tells nothing about who exists. */
  readonly salt: Buffer;
  /** Only for tests: the server's part of the nonce. */
  readonly nonce?: string;
}

/**
 * The server's side of one SCRAM-SHA-256 authentication (RFC 5802, RFC 7677), without channel binding because there is no
 * TLS on the loopback. It is told only at the end who may come in: all secrets share one salt, so every client sees the
 * same messages, whoever it claims to be.
 */
export class ScramExchange {
  readonly #init: ScramExchangeInit;
  #header = '';
  #clientFirstBare = '';
  #serverFirst = '';
  #nonce = '';

  constructor(init: ScramExchangeInit) {
    this.#init = init;
  }

  /** Takes SASLInitialResponse's mechanism and data, gives the data of AuthenticationSASLContinue. */
  first(mechanism: string, data: string): string {
    if (mechanism !== MECHANISM)
      throw protocolViolation('client selected an invalid SASL authentication mechanism');
    const [, header, flag, authzid, bare] = /^(([^,]*),(a=[^,]*)?,)(.*)$/s.exec(data) ?? [];
    if (header === undefined || flag === undefined || bare === undefined) throw malformed();
    if (flag !== 'n' && flag !== 'y') throw malformed(); // `p=…`: it selected the mechanism without binding
    if (authzid !== undefined)
      throw new Refusal('0A000', 'client uses authorization identity, but it is not supported');
    if (bare.startsWith('m=')) throw new Refusal('0A000', 'client requires an unsupported SCRAM extension');
    // The name in here is ignored: that of the startup message counts, as with PostgreSQL.
    const clientNonce = /^n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,|$)/.exec(bare)?.[1];
    if (clientNonce === undefined) throw malformed();
    this.#header = header;
    this.#clientFirstBare = bare;
    this.#nonce = clientNonce + (this.#init.nonce ?? randomBytes(18).toString('base64'));
    this.#serverFirst = `r=${this.#nonce},s=${this.#init.salt.toString('base64')},i=${ITERATIONS}`;
    return this.#serverFirst;
  }

  /**
   * Takes the client's last message. Gives the candidate whose password the client knows, and the data of
   * AuthenticationSASLFinal; undefined when it knows none of them. Every candidate is looked at.
   */
  final<C extends ScramSecret>(
    data: string,
    candidates: Iterable<C>,
  ): { candidate: C; data: string } | undefined {
    const [, withoutProof, binding, nonce, proofText] =
      /^(c=([^,]+),r=([^,]+)(?:,[^,]+)*?),p=([A-Za-z0-9+/=]+)$/.exec(data) ?? [];
    const proof = Buffer.from(proofText ?? '', 'base64');
    if (withoutProof === undefined || proof.length !== 32) throw malformed();
    if (binding !== Buffer.from(this.#header).toString('base64'))
      throw protocolViolation('unexpected SCRAM channel-binding attribute in client-final-message');
    if (this.#nonce === '' || nonce !== this.#nonce) throw protocolViolation('invalid SCRAM response');
    const signed = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`;
    let found: C | undefined;
    for (const candidate of candidates) if (proves(proof, candidate, signed)) found ??= candidate;
    if (found === undefined) return undefined;
    return { candidate: found, data: `v=${hmac(found.serverKey, signed).toString('base64')}` };
  }
}

function proves(proof: Buffer, { storedKey }: ScramSecret, signed: string): boolean {
  const signature = hmac(storedKey, signed);
  const clientKey = Buffer.from(proof.map((byte, index) => byte ^ (signature[index] as number)));
  return timingSafeEqual(sha256(clientKey), storedKey);
}

function malformed(): Refusal {
  return protocolViolation('malformed SCRAM message');
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}
