import { publish } from './events.ts';

/**
 * What a client can do wrong:
 *
 * - `malformed-open`: the first message is not a text frame with a usable OpenDataChannel.
 * - `not-binary`: a frame after that is not binary.
 * - `malformed-envelope`: a message that does not decode, or that a client must not send.
 * - `wrong-digest`: the payload does not match its SHA-256. The agent does not check it; others might.
 * - `malformed-acknowledge`: wrong flags, sequence number or body, or it acknowledges what was never sent.
 * - `sequence-gap`: a sequence number was left out.
 * - `second-handshake-response`: blocks a real agent's reader for good.
 * - `early-data`: data before HandshakeComplete, which an agent acknowledges and throws away.
 * - `missing-re-ack`: a message that came again was not acknowledged again, so the agent is stuck on it.
 * - `stream-id-reused`: a SYN for a stream id that this session has seen before.
 * - `broken-smux`: bytes that are not smux version 1; the agent's mux dies of it.
 * - `unsigned-upgrade`: no signature although signing is required.
 */
export type ViolationKind =
  | 'malformed-open'
  | 'not-binary'
  | 'malformed-envelope'
  | 'wrong-digest'
  | 'malformed-acknowledge'
  | 'sequence-gap'
  | 'second-handshake-response'
  | 'early-data'
  | 'missing-re-ack'
  | 'stream-id-reused'
  | 'broken-smux'
  | 'unsigned-upgrade';

export interface Violation {
  readonly kind: ViolationKind;
  readonly sessionId: string;
  /** For people: which number, which field. Never payload bytes. */
  readonly detail: string;
}

/** A client in a loop must not fill the memory: what comes after this many is only published as events. */
const MAX_KEPT = 10_000;

export class ViolationLog {
  readonly #entries: Violation[] = [];

  record(sessionId: string, kind: ViolationKind, detail: string): void {
    const violation = { kind, sessionId, detail };
    if (this.#entries.length < MAX_KEPT) this.#entries.push(violation);
    publish('violation', violation);
  }

  all(): readonly Violation[] {
    return [...this.#entries];
  }
}
