/** What the caller can do about it: the closed set of the house. */
type Kind = 'invalid' | 'denied' | 'not-found' | 'unavailable' | 'conflict' | 'internal';

interface Meaning {
  readonly kind: Kind;
  readonly message: string;
}

/** Codes are stable; the table below says what each of them means. */
export type StatementsErrorCode =
  | 'EVENT_INVALID'
  | 'TENANT_NOT_FOUND'
  | 'MONTH_OPEN'
  | 'LEDGER_CHANGED'
  | 'APPEND_ONLY'
  | 'AMOUNT_OUT_OF_RANGE'
  | 'ACCESS_REFUSED'
  | 'CONTENTION'
  | 'LEDGER_UNAVAILABLE'
  | 'DATABASE_UNAVAILABLE'
  | 'INTERNAL';

const meanings: Readonly<Record<StatementsErrorCode, Meaning>> = {
  EVENT_INVALID: { kind: 'invalid', message: 'The event is malformed.' },
  TENANT_NOT_FOUND: { kind: 'not-found', message: 'The ledger has no such tenant.' },
  MONTH_OPEN: {
    kind: 'conflict',
    message: 'The ledger still takes bookings before the end of the month. Close it first.',
  },
  LEDGER_CHANGED: {
    kind: 'conflict',
    message: 'The ledger was changed behind a statement: a month does not open as the one before closed.',
  },
  APPEND_ONLY: { kind: 'conflict', message: 'A statement that is written is not changed.' },
  AMOUNT_OUT_OF_RANGE: { kind: 'invalid', message: 'A balance does not fit 64 bits.' },
  ACCESS_REFUSED: { kind: 'denied', message: 'The database role of this worker may not do that.' },
  CONTENTION: {
    kind: 'unavailable',
    message: 'Too many others are writing the same statements. What is written stays; try again.',
  },
  LEDGER_UNAVAILABLE: { kind: 'unavailable', message: "The ledger's database cannot be reached." },
  DATABASE_UNAVAILABLE: { kind: 'unavailable', message: "The statements' database cannot be reached." },
  INTERNAL: { kind: 'internal', message: 'The worker failed.' },
};

/** A refusal with a stable code. Its message is safe to show to the caller. */
export class StatementsError extends Error {
  override readonly name = 'StatementsError';
  readonly code: StatementsErrorCode;
  readonly kind: Kind;

  constructor(code: StatementsErrorCode, options: { message?: string; cause?: unknown } = {}) {
    const meaning = meanings[code];
    super(options.message ?? meaning.message, { cause: options.cause });
    this.code = code;
    this.kind = meaning.kind;
  }
}
