import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { hmac, type ScramSecret } from '../postgres/scram-secret.ts';
import { passwordFailed, protocolViolation, Refusal } from './refusal.ts';

const plain = 'SCRAM-SHA-256';
const bound = 'SCRAM-SHA-256-PLUS';

export interface ScramExchangeOptions {
  readonly user: string;
  /** What the right password is checked against; undefined makes every password wrong. */
  readonly secret: ScramSecret | undefined;
  /** Why there is no secret, for events. */
  readonly withoutSecret: string;
  /** Makes up salts for users without a secret, the same each time, so that they cannot be told apart. */
  readonly pretence: Buffer;
  /** Hash of the server's certificate when the connection is encrypted (`tls-server-end-point`, RFC 5929). */
  readonly certificateHash: Buffer | undefined;
  readonly nonce?: string;
}

/** The server's side of one SCRAM-SHA-256 authentication (RFC 5802, 7677), as PostgreSQL plays it. No I/O. */
export class ScramExchange {
  readonly mechanisms: readonly string[];
  readonly #options: ScramExchangeOptions;
  readonly #secret: ScramSecret;
  #clientFirstBare = '';
  #serverFirst = '';
  #nonce = '';
  #binding = '';

  constructor(options: ScramExchangeOptions) {
    this.#options = options;
    this.#secret = options.secret ?? pretendedSecret(options.user, options.pretence);
    this.mechanisms = options.certificateHash ? [bound, plain] : [plain];
  }

  /** Takes SASLInitialResponse's mechanism and data, gives the data of AuthenticationSASLContinue. */
  first(mechanism: string, data: string): string {
    if (!this.mechanisms.includes(mechanism))
      throw protocolViolation('client selected an invalid SASL authentication mechanism', {
        routine: 'scram_init',
      });
    const [, header = '', flag = '', authzid = '', bare = ''] =
      /^((p=[A-Za-z0-9.-]+|n|y),(a=[^,]*)?,)(.*)$/s.exec(data) ?? [];
    if (!header) throw malformed('read_client_first_message');
    if (authzid)
      throw new Refusal('0A000', 'client uses authorization identity, but it is not supported', {
        routine: 'read_client_first_message',
      });
    this.#checkBinding(mechanism, flag);
    const bindingData = mechanism === bound ? this.#options.certificateHash : undefined;
    this.#binding = Buffer.concat([Buffer.from(header), bindingData ?? Buffer.alloc(0)]).toString('base64');
    if (bare.startsWith('m='))
      throw new Refusal('0A000', 'client requires an unsupported SCRAM extension', {
        routine: 'read_client_first_message',
      });
    // The user name in here is ignored: that of the startup message counts.
    const clientNonce = /^n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(,|$)/.exec(bare)?.[1];
    if (!clientNonce) throw malformed('read_client_first_message');
    this.#clientFirstBare = bare;
    this.#nonce = clientNonce + (this.#options.nonce ?? randomBytes(18).toString('base64'));
    this.#serverFirst = `r=${this.#nonce},s=${this.#secret.salt.toString('base64')},i=${this.#secret.iterations}`;
    return this.#serverFirst;
  }

  /** Takes the client's last message, gives the data of AuthenticationSASLFinal; a wrong password throws. */
  final(data: string): string {
    const [, withoutProof = '', binding = '', nonce = '', proofText = ''] =
      /^(c=([^,]+),r=([^,]+)(?:,[^,]+)*?),p=([A-Za-z0-9+/=]+)$/.exec(data) ?? [];
    const proof = Buffer.from(proofText, 'base64');
    if (proof.length !== 32) throw malformed('read_client_final_message');
    if (binding !== this.#binding)
      throw this.#options.certificateHash
        ? new Refusal('28000', 'SCRAM channel binding check failed', { routine: 'read_client_final_message' })
        : protocolViolation('unexpected SCRAM channel-binding attribute in client-final-message', {
            routine: 'read_client_final_message',
          });
    if (nonce !== this.#nonce)
      throw protocolViolation('invalid SCRAM response', {
        routine: 'scram_exchange',
        detail: 'Nonce does not match.',
      });
    const signed = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`;
    const clientSignature = hmac(this.#secret.storedKey, signed);
    const clientKey = proof.map((byte, index) => byte ^ (clientSignature[index] ?? 0));
    const storedKey = createHash('sha256').update(clientKey).digest();
    const right = timingSafeEqual(storedKey, this.#secret.storedKey);
    if (!right || !this.#options.secret)
      throw passwordFailed(
        this.#options.user,
        this.#options.secret ? 'wrong password' : this.#options.withoutSecret,
      );
    return `v=${hmac(this.#secret.serverKey, signed).toString('base64')}`;
  }

  #checkBinding(mechanism: string, flag: string): void {
    const routine = 'read_client_first_message';
    if (mechanism === bound) {
      if (!flag.startsWith('p='))
        throw malformedBecause(
          routine,
          'The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.',
        );
      if (flag !== 'p=tls-server-end-point')
        throw protocolViolation(`unsupported SCRAM channel-binding type "${flag.slice(2)}"`, { routine });
    } else if (flag.startsWith('p='))
      throw malformedBecause(
        routine,
        'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
      );
    else if (flag === 'y' && this.#options.certificateHash)
      // It could bind and believes we cannot: somebody in between has removed the offer.
      throw new Refusal('28000', 'SCRAM channel binding negotiation error', {
        routine,
        detail:
          'The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.',
      });
  }
}

function pretendedSecret(user: string, pretence: Buffer): ScramSecret {
  return {
    iterations: 4096,
    salt: createHmac('sha256', pretence).update(user).digest().subarray(0, 16),
    storedKey: randomBytes(32),
    serverKey: randomBytes(32),
  };
}

function malformed(routine: string): Refusal {
  return protocolViolation('malformed SCRAM message', { routine });
}

function malformedBecause(routine: string, detail: string): Refusal {
  return protocolViolation('malformed SCRAM message', { routine, detail });
}
