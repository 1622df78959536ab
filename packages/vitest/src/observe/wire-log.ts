import type { LoggedQuery } from './observed-session.ts';

const MAX_TEXT = 10_000;
const MAX_ENTRIES = 10_000;

/** What was sent up to one synchronisation point of the protocol, while its answer comes in. */
export interface Exchange {
  text: string;
  name: string | undefined;
  values: number;
  /** `performance.now()`. */
  readonly sentAt: number;
  readonly tags: string[];
  error: string | undefined;
  readonly stack: Error | undefined;
}

/** Statements of sessions with one database or all, from when it was started until it is stopped. */
export interface QueryLog {
  /** In the order in which they were answered. */
  readonly entries: readonly LoggedQuery[];
  /** Entries that were dropped, oldest first, because a log keeps 10,000. */
  readonly dropped: number;
  /** Collects no more. Idempotent. */
  stop(): void;
}

export class CollectingLog implements QueryLog {
  readonly #entries: LoggedQuery[] = [];
  readonly #database: string | undefined;
  readonly #onStop: () => void;
  #dropped = 0;

  constructor(database: string | undefined, onStop: () => void) {
    this.#database = database;
    this.#onStop = onStop;
  }

  get entries(): readonly LoggedQuery[] {
    return this.#entries;
  }

  get dropped(): number {
    return this.#dropped;
  }

  add(entry: LoggedQuery): void {
    if (this.#database !== undefined && entry.database !== this.#database) return;
    if (this.#entries.length >= MAX_ENTRIES) {
      this.#entries.shift();
      this.#dropped += 1;
    }
    this.#entries.push(entry);
  }

  stop(): void {
    this.#onStop();
  }
}

/** Statement text as it may be shown: bounded, without the literal of a PASSWORD clause. */
export function shownText(text: string): string {
  const masked = text.replaceAll(
    /\b(password\s+)(?:e?'(?:[^'\\]|''|\\.)*'|\$(\w*)\$.*?\$\2\$)/gis,
    "$1'***'",
  );
  return masked.length > MAX_TEXT ? `${masked.slice(0, MAX_TEXT)}…` : masked;
}

/** Rows that a command tag tells of: `INSERT 0 5`, `SELECT 5`, `COPY 5`; none for others. */
export function rowsOf(tag: string): number {
  const match = /^(?:SELECT|INSERT \d+|UPDATE|DELETE|MERGE|COPY|FETCH|MOVE) (\d+)$/.exec(tag);
  return match === null ? 0 : Number(match[1]);
}
