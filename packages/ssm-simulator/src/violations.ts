import { SsmSimulatorError } from './errors.ts';
import { publish } from './events.ts';

/**
 * What a client can do wrong:
 *
 * - `malformed-open`: the first message is not a text frame with a usable OpenDataChannel.
 * - `not-binary`: a frame after that is not binary.
 * - `malformed-envelope`: a message that does not decode, or that a client must not send.
 * - `wrong-digest`: the payload does not match its SHA-256. The agent does not check it; others might.
 * - `malformed-acknowledge`: wrong flags, sequence number or body, or it acknowledges what was never sent.
 * - `sequence-gap`: a sequence number was left out. After a reconnect it may come later, but it has to come.
 * - `changed-retransmission`: a message came again with other bytes than before.
 * - `second-handshake-response`: blocks a real agent's reader for good.
 * - `early-data`: data before HandshakeComplete, which an agent acknowledges and throws away.
 * - `missing-re-ack`: a message that came again was not acknowledged again, so the agent is stuck on it.
 * - `data-while-paused`: new data although the client had read `pause_publication` more than a second before, at more
 *   than the rate of a probe.
 * - `payload-too-large`: more than `service.maxPayloadBytes`.
 * - `client-version`: in the HandshakeResponse, not four numbers or below 1.2.332.0: agents then keep smux alive.
 * - `stream-id-reused`: a SYN for a stream id that this session has seen before.
 * - `smux-misuse`: a frame that agents read over but that tells of a mistake: a window update (version 2), data for a
 *   stream that was never opened or that the client itself has ended.
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
  | 'changed-retransmission'
  | 'second-handshake-response'
  | 'early-data'
  | 'missing-re-ack'
  | 'data-while-paused'
  | 'payload-too-large'
  | 'client-version'
  | 'stream-id-reused'
  | 'smux-misuse'
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
const MAX_SHOWN = 50;

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

  /** Throws `SSM_SIMULATOR_VIOLATIONS` when there is any. */
  assertNone(): void {
    const violations = this.all();
    if (violations.length === 0) return;
    const shown = violations
      .slice(0, MAX_SHOWN)
      .map(({ kind, sessionId, detail }) => `\n- ${kind}: ${detail} (${sessionId})`);
    const more = violations.length > MAX_SHOWN ? `\n- and ${violations.length - MAX_SHOWN} more` : '';
    throw new SsmSimulatorError(
      'SSM_SIMULATOR_VIOLATIONS',
      `the client broke the protocol ${violations.length} times:${shown.join('')}${more}`,
      undefined,
      violations,
    );
  }
}
