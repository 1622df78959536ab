import type { IncomingMessage } from 'node:http';
import type { SsmCaller, SsmSimulatorOptions } from '@postern/ssm-simulator';
import { SsmApiError } from '@postern/ssm-simulator';

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** One signed request: what it asked for, and with the how-manieth credentials. */
export interface SignedUse {
  readonly operation: string;
  readonly atMs: number;
  readonly generation: number;
}

/** How far a client's clock may be off, at AWS as here. */
const MAX_SKEW_MS = 5 * 60_000;

/**
 * Temporary credentials that are replaced by new ones again and again, and the service's view of them: it refuses
 * those that have expired. Signatures are not verified here.
 */
export class RotatingCredentials {
  readonly uses: SignedUse[] = [];
  readonly #lifetimeMs: number;
  readonly #startMs = Date.now();

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  generation(atMs: number = Date.now()): number {
    return Math.floor((atMs - this.#startMs) / this.#lifetimeMs);
  }

  /** For the tunnel: what is valid now. */
  readonly provide = async (): Promise<Credentials> => {
    const generation = this.generation();
    return {
      accessKeyId: `ASIAROTATED${generation}`,
      secretAccessKey: 'not-secret',
      sessionToken: `token ${generation}`,
      expiration: new Date(this.#startMs + (generation + 1) * this.#lifetimeMs),
    };
  };

  /** For the simulator. */
  readonly checks: Required<Pick<SsmSimulatorOptions, 'verifyUpgrade' | 'requireSignedUpgrade'>> & {
    verifyRequest: (request: IncomingMessage) => SsmCaller;
  } = {
    requireSignedUpgrade: true,
    verifyUpgrade: (request) => this.#verify(request, 'OpenDataChannel'),
    verifyRequest: (request) =>
      this.#verify(request, String(request.headers['x-amz-target']).replace(/^.*\./, '')),
  };

  #verify(request: IncomingMessage, operation: string): SsmCaller {
    const [, used] = /Credential=ASIAROTATED(\d+)\//.exec(request.headers.authorization ?? '') ?? [];
    if (used === undefined) throw new SsmApiError('MissingAuthenticationTokenException', 'Not signed.', 403);
    const generation = Number(used);
    const atMs = Date.now();
    this.uses.push({ operation, atMs, generation });
    if (generation < this.generation(atMs))
      throw new SsmApiError('ExpiredTokenException', 'The security token is expired.', 400);
    if (Math.abs(amzDate(request) - atMs) > MAX_SKEW_MS)
      throw new SsmApiError('InvalidSignatureException', 'Signature not yet current or expired.', 400);
    return { arn: 'arn:aws:iam::123456789012:role/tunnel', userId: 'AROATUNNEL:life', sessionName: 'life' };
  }
}

/** `20260131T235959Z` as Unix time. */
function amzDate(request: IncomingMessage): number {
  const text = String(request.headers['x-amz-date']);
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
