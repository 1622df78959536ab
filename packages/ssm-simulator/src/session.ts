import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { SsmCaller } from './caller.ts';

/** `Connecting` until the client has opened its channel, `Disconnected` while it is away. */
export type SessionStatus = 'Connecting' | 'Connected' | 'Disconnected' | 'Terminated';

export interface SessionRequest {
  target: string;
  documentName: string;
  sessionType: string;
  /** Properties of the document with the parameters filled in. */
  properties: Readonly<Record<string, string>>;
  reason: string | undefined;
  owner: SsmCaller;
}

/** What the service knows about one session. */
export class Session {
  readonly id: string;
  readonly target: string;
  readonly documentName: string;
  readonly sessionType: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly reason: string | undefined;
  readonly owner: SsmCaller;
  readonly startDateMs: number;
  /** As the client's latest OpenDataChannel says it; old clients do not. */
  clientVersion: string | undefined;
  #status: SessionStatus = 'Connecting';
  #endDateMs: number | undefined;
  #token: { bytes: Buffer; untilMs: number } | undefined;

  constructor(request: SessionRequest, nowMs: number) {
    this.id = `${request.owner.sessionName}-${randomAlphanumeric(26)}`;
    this.target = request.target;
    this.documentName = request.documentName;
    this.sessionType = request.sessionType;
    this.properties = request.properties;
    this.reason = request.reason;
    this.owner = request.owner;
    this.startDateMs = nowMs;
  }

  get status(): SessionStatus {
    return this.#status;
  }

  get endDateMs(): number | undefined {
    return this.#endDateMs;
  }

  /** Whether the status changed; a terminated session stays terminated. */
  moveTo(status: SessionStatus, nowMs: number): boolean {
    if (this.#status === 'Terminated' || this.#status === status) return false;
    this.#status = status;
    if (status === 'Terminated') {
      this.#endDateMs = nowMs;
      this.#token = undefined;
    }
    return true;
  }

  /** A new token; the one before is void from now on. `lifetimeMs` 0: it does not get too old. */
  issueToken(lifetimeMs: number): string {
    const bytes = randomBytes(180);
    const untilMs = lifetimeMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + lifetimeMs;
    this.#token = { bytes, untilMs };
    return bytes.toString('base64');
  }

  /** Whether `token` opens the data channel. It does so once; after that only ResumeSession gives another. */
  redeemToken(token: string): boolean {
    const given = Buffer.from(token, 'base64');
    const issued = this.#token;
    if (issued === undefined || performance.now() > issued.untilMs) return false;
    const fits = given.length === issued.bytes.length && timingSafeEqual(given, issued.bytes);
    if (fits) this.#token = undefined;
    return fits;
  }
}

function randomAlphanumeric(length: number): string {
  const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';
  return Array.from(randomBytes(length), (byte) => alphabet[byte % alphabet.length]).join('');
}
