import { isIP } from 'node:net';
import { RdsAuthError } from './errors.ts';

/** A signed token is valid for 15 minutes; the SDK does not let one choose. */
const TOKEN_LIFETIME_MS = 15 * 60_000;

/** How long one token is handed out: RDS asks for fewer signatures, not for one per connection. */
export const DEFAULT_TOKEN_MAX_AGE_MS: number = 5 * 60_000;

/**
 * A token with less life than this is not handed out. The server asks for it only once TCP and TLS stand,
 * which takes half a minute when an Aurora cluster wakes up.
 */
export const DEFAULT_TOKEN_MIN_REMAINING_MS: number = 60_000;

/** Credentials that end sooner than this are renewed before signing, at most once per interval. */
const RENEW_CREDENTIALS_BEFORE_MS = 5 * 60_000;
const RENEW_CREDENTIALS_INTERVAL_MS = 30_000;

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** The SDK's provider shape. `forceRefresh` asks a memoising provider for new credentials. */
export type AwsCredentialProvider = (options?: { forceRefresh?: boolean }) => Promise<AwsCredentials>;

export interface TokenSourceOptions {
  /** The database's own endpoint name as RDS reports it: never a tunnel's address, an IP or a CNAME. */
  hostname: string;
  /** The database's own port, which is part of the signature. */
  port: number;
  /** The PostgreSQL role, case-sensitive; `rds-db:connect` must be allowed for it. */
  username: string;
  /** The database's region. */
  region: string;
  /** Share one memoising provider between sources and SDK clients: each call may be a network request. */
  credentials: AwsCredentials | AwsCredentialProvider;
  /** Milliseconds since the epoch; replaces the clock that decides about caching. The SDK signs with the real time. */
  now?: () => number;
  /** How long one token is handed out. Default 5 minutes. */
  maxAgeMs?: number;
  /** A cached token must have this much life left. Default 1 minute. */
  minRemainingMs?: number;
}

export interface TokenOptions {
  /** Sign again, also when a cached token would do. */
  forceRefresh?: boolean;
  /** Ends the waiting of this caller; others who share the signing are not affected. */
  signal?: AbortSignal;
}

export interface TokenSource {
  /**
   * A token to send as the password. A secret: do not log it.
   * Throws `RDS_CREDENTIALS_UNAVAILABLE`, `RDS_CREDENTIALS_EXPIRED`, `RDS_TOKEN_FAILED`.
   */
  token(options?: TokenOptions): Promise<string>;
}

interface SignedToken {
  readonly text: string;
  readonly signedAt: number;
  readonly expiresAt: number;
}

/**
 * Makes IAM authentication tokens for one role of one database. Signing is local computation, but renewing
 * credentials is not, and RDS throttles new tokens (200 IAM connections a second and cluster, unless they reuse
 * one): so a token is handed out for some minutes, never longer than the credentials behind it, and callers that
 * arrive together share one signing. Throws `RDS_OPTIONS_INVALID`.
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  checkOptions(options);
  return new CachedTokenSource(options);
}

class CachedTokenSource implements TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #now: () => number;
  readonly #maxAgeMs: number;
  readonly #minRemainingMs: number;
  #cached: SignedToken | undefined;
  #signing: Promise<SignedToken> | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#maxAgeMs = options.maxAgeMs ?? DEFAULT_TOKEN_MAX_AGE_MS;
    this.#minRemainingMs = options.minRemainingMs ?? DEFAULT_TOKEN_MIN_REMAINING_MS;
  }

  async token(options: TokenOptions = {}): Promise<string> {
    options.signal?.throwIfAborted();
    if (options.forceRefresh === true) this.#cached = undefined;
    const cached = this.#cached;
    if (cached !== undefined && this.#isFresh(cached)) return cached.text;
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined;
    });
    const signed = await raceSignal(this.#signing, options.signal);
    return signed.text;
  }

  #isFresh(token: SignedToken): boolean {
    const now = this.#now();
    const age = now - token.signedAt;
    return age >= 0 && age < this.#maxAgeMs && token.expiresAt - now >= this.#minRemainingMs;
  }

  async #sign(): Promise<SignedToken> {
    const { hostname, port, username, region } = this.#options;
    const credentials = await this.#signingCredentials();
    const signedAt = this.#now();
    const credentialsEnd = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    if (credentialsEnd <= signedAt) throw expired(username, credentials.expiration);
    let text: string;
    try {
      // Loaded with the first token: whoever only connects (a test worker that gets tokens elsewhere) pays nothing.
      const { Signer } = await import('@aws-sdk/rds-signer');
      // Credentials as a plain object: the signer would otherwise ask the provider again on every call.
      text = await new Signer({ hostname, port, username, region, credentials }).getAuthToken();
    } catch (cause) {
      throw new RdsAuthError({
        code: 'RDS_TOKEN_FAILED',
        kind: 'invalid',
        message: `No token could be signed for role "${username}" of ${hostname}:${port}: ${messageOf(cause)}`,
        hint: 'Check region and credentials.',
        cause,
      });
    }
    const signed = { text, signedAt, expiresAt: Math.min(signedAt + TOKEN_LIFETIME_MS, credentialsEnd) };
    this.#cached = signed;
    return signed;
  }

  async #signingCredentials(): Promise<AwsCredentials> {
    const { credentials } = this.#options;
    if (typeof credentials !== 'function') return credentials;
    const current = await this.#provide(credentials);
    const now = this.#now();
    const end = current.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    if (end - now >= RENEW_CREDENTIALS_BEFORE_MS) return current;
    if (end > now && now - this.#renewedAt < RENEW_CREDENTIALS_INTERVAL_MS) return current;
    this.#renewedAt = now;
    try {
      const renewed = await this.#provide(credentials, { forceRefresh: true });
      const renewedEnd = renewed.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
      return renewedEnd > end ? renewed : current;
    } catch (error) {
      if (end > now) return current; // still good for a while: the next call tries again
      throw error;
    }
  }

  async #provide(
    provider: AwsCredentialProvider,
    options?: { forceRefresh?: boolean },
  ): Promise<AwsCredentials> {
    try {
      return await provider(options);
    } catch (cause) {
      throw new RdsAuthError({
        code: 'RDS_CREDENTIALS_UNAVAILABLE',
        kind: 'denied',
        message: `No AWS credentials to sign a token for role "${this.#options.username}": ${messageOf(cause)}`,
        hint: 'Sign in (aws sso login), set AWS_PROFILE, or give this process a role.',
        cause,
      });
    }
  }
}

function checkOptions(options: TokenSourceOptions): void {
  const problems: string[] = [];
  const { hostname, port, username, region, credentials } = options;
  if (typeof hostname !== 'string' || hostname === '') problems.push('hostname is missing');
  else if (isIP(hostname) !== 0 || hostname === 'localhost') {
    problems.push(`hostname "${hostname}" cannot be signed for: give the endpoint name that RDS reports`);
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) problems.push('port must be 1 to 65535');
  if (typeof username !== 'string' || username === '') problems.push('username is missing');
  else if (Buffer.byteLength(username) > 63) problems.push('username is longer than 63 bytes');
  if (typeof region !== 'string' || region === '') problems.push('region is missing');
  if (credentials === undefined || credentials === null) problems.push('credentials are missing');
  if (problems.length === 0) return;
  throw new RdsAuthError({
    code: 'RDS_OPTIONS_INVALID',
    kind: 'invalid',
    message: `createTokenSource: ${problems.join('; ')}.`,
    hint: "Pass the database's own endpoint, port and region; a tunnel's address belongs to the stream.",
  });
}

function expired(username: string, expiration: Date | undefined): RdsAuthError {
  return new RdsAuthError({
    code: 'RDS_CREDENTIALS_EXPIRED',
    kind: 'denied',
    message: `The AWS credentials that would sign for role "${username}" expired at ${expiration?.toISOString()}.`,
    hint: 'Sign in again (aws sso login) or renew the session; a token never outlives the credentials behind it.',
  });
}

async function raceSignal<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
