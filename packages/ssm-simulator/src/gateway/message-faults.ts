import type { ClientMessage } from '@postern/ssm-protocol';

/** Which way a message travels through the gateway. */
export type Direction = 'to-agent' | 'to-client';

/** Which messages a fault is for; every one when empty. */
export interface MessageMatch {
  /** For example `acknowledge`, `input_stream_data`, `output_stream_data`. */
  messageType?: string;
  /** For example 1 for session data; see `PayloadType` of the protocol package. */
  payloadType?: number;
}

/** What happens to a message: lost, delivered twice, or delivered later (what comes after it passes it). */
export type MessageFault = { type: 'drop' } | { type: 'duplicate' } | { type: 'delay'; delayMs: number };

interface Rule {
  readonly direction: Direction;
  readonly match: MessageMatch;
  readonly fault: MessageFault;
  left: number;
}

/** Faults waiting for their messages, in the order in which they were asked for. One message meets one fault. */
export class MessageFaults {
  readonly #rules: Rule[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();

  add(direction: Direction, count: number, match: MessageMatch, fault: MessageFault): void {
    this.#rules.push({ direction, match, fault, left: count });
  }

  /** Calls `deliver` as often and as late as the fault for this message says: at once when there is none. */
  pass(direction: Direction, message: ClientMessage, deliver: () => void): void {
    const rule = this.#take(direction, message);
    switch (rule?.fault.type) {
      case 'drop':
        return;
      case 'duplicate':
        deliver();
        deliver();
        return;
      case 'delay': {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          deliver();
        }, rule.fault.delayMs);
        this.#timers.add(timer.unref());
        return;
      }
      default:
        deliver();
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#rules.length = 0;
  }

  #take(direction: Direction, message: ClientMessage): Rule | undefined {
    const index = this.#rules.findIndex(
      (rule) =>
        rule.direction === direction &&
        (rule.match.messageType === undefined || rule.match.messageType === message.messageType) &&
        (rule.match.payloadType === undefined || rule.match.payloadType === message.payloadType),
    );
    const rule = this.#rules[index];
    if (rule !== undefined && --rule.left === 0) this.#rules.splice(index, 1);
    return rule;
  }
}
