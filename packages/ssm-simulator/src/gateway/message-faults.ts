import type { Counters } from '../statistics.ts';
import type { Noise, NoiseFault } from './noise.ts';

/** Which way a message travels through the gateway. */
export type Direction = 'to-agent' | 'to-client';

/** Which messages a fault is for; every one when empty. */
export interface MessageMatch {
  /** For example `acknowledge`, `input_stream_data`, `output_stream_data`. */
  messageType?: string;
  /** For example 1 for session data; see `PayloadType` of the protocol package. */
  payloadType?: number;
}

/** What faults know of a message. */
export interface FaultyMessage {
  readonly messageType: string;
  readonly payloadType: number;
}

/** What happens to a message: lost, delivered twice, overtaken by the next one, or delivered later. */
export type MessageFault = { type: NoiseFault } | { type: 'delay'; delayMs: number };

/** An overtaken message that nothing overtakes comes after this time. */
const OVERTAKE_MS = 100;

interface Rule {
  readonly match: MessageMatch;
  readonly fault: MessageFault;
  left: number;
}

/** One direction of one session. */
class Lane {
  readonly rules: Rule[] = [];
  readonly noise = new Map<Noise, () => NoiseFault | undefined>();
  held: { deliver: () => void; timer: NodeJS.Timeout } | undefined;

  get quiet(): boolean {
    return this.rules.length === 0 && this.noise.size === 0 && this.held === undefined;
  }

  hold(deliver: () => void): void {
    this.held = { deliver, timer: setTimeout(() => this.release(), OVERTAKE_MS).unref() };
  }

  release(): void {
    const held = this.held;
    this.held = undefined;
    clearTimeout(held?.timer);
    held?.deliver();
  }

  take(message: FaultyMessage): MessageFault | undefined {
    const index = this.rules.findIndex(
      ({ match }) =>
        (match.messageType === undefined || match.messageType === message.messageType) &&
        (match.payloadType === undefined || match.payloadType === message.payloadType),
    );
    const rule = this.rules[index];
    if (rule === undefined) return this.#draw();
    if (--rule.left === 0) this.rules.splice(index, 1);
    return rule.fault;
  }

  #draw(): MessageFault | undefined {
    for (const draw of this.noise.values()) {
      const type = draw();
      if (type !== undefined) return { type };
    }
    return undefined;
  }
}

/**
 * Faults of one session. Those that were asked for by number wait for their messages, in the order in which they
 * were asked for; noise goes for the rest. One message meets one fault.
 */
export class MessageFaults {
  readonly #ordinal: number;
  readonly #counters: Counters;
  readonly #lanes: Readonly<Record<Direction, Lane>> = { 'to-agent': new Lane(), 'to-client': new Lane() };
  readonly #timers = new Set<NodeJS.Timeout>();

  /** `ordinal`: which session of the simulator this is, so that noise can be repeated. */
  constructor(ordinal: number, counters: Counters) {
    this.#ordinal = ordinal;
    this.#counters = counters;
  }

  add(direction: Direction, count: number, match: MessageMatch, fault: MessageFault): void {
    this.#lanes[direction].rules.push({ match, fault, left: count });
  }

  addNoise(noise: Noise): void {
    for (const direction of ['to-agent', 'to-client'] as const)
      if (noise.direction === undefined || noise.direction === direction)
        this.#lanes[direction].noise.set(noise, noise.lane(this.#ordinal, direction));
  }

  removeNoise(noise: Noise): void {
    for (const lane of Object.values(this.#lanes)) lane.noise.delete(noise);
  }

  /** Calls `deliver` as often and as late as the fault for this message says: at once when there is none. */
  pass<Message extends FaultyMessage>(
    direction: Direction,
    message: Message,
    deliver: (message: Message) => void,
  ): void {
    const lane = this.#lanes[direction];
    if (lane.quiet) {
      deliver(message);
      return;
    }
    const fault = lane.take(message);
    switch (fault?.type) {
      case 'drop':
        this.#counters.messagesDropped++;
        return;
      case 'duplicate':
        this.#counters.messagesDuplicated++;
        deliver(message);
        deliver(message);
        break;
      case 'reorder':
        // Only one waits at a time: the second of two neighbours overtakes the first.
        if (lane.held !== undefined) {
          deliver(message);
          break;
        }
        this.#counters.messagesReordered++;
        lane.hold(() => deliver(message));
        return;
      case 'delay': {
        this.#counters.messagesDelayed++;
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          deliver(message);
        }, fault.delayMs);
        this.#timers.add(timer.unref());
        return;
      }
      default:
        deliver(message);
    }
    lane.release();
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const lane of Object.values(this.#lanes)) {
      clearTimeout(lane.held?.timer);
      lane.held = undefined;
      lane.rules.length = 0;
      lane.noise.clear();
    }
  }
}
