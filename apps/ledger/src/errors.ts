/** What the caller can do about it: the closed set of the house. */
type Kind = 'invalid' | 'denied' | 'not-found' | 'unavailable' | 'conflict' | 'internal';

interface Meaning {
  readonly status: number;
  readonly kind: Kind;
  readonly message: string;
}

/** Codes are stable; the table below says what each of them means. */
export type LedgerErrorCode =
  | 'REQUEST_INVALID'
  | 'CURSOR_INVALID'
  | 'WRITE_REFUSED'
  | 'TENANT_NOT_FOUND'
  | 'ACCOUNT_NOT_FOUND'
  | 'TRANSFER_NOT_FOUND'
  | 'ROUTE_NOT_FOUND'
  | 'ACCOUNT_CODE_TAKEN'
  | 'PERIOD_OVERLAPS'
  | 'TRANSFER_ALREADY_REVERSED'
  | 'APPEND_ONLY'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'ACCOUNT_UNKNOWN'
  | 'ACCOUNT_REPEATED'
  | 'AMOUNT_NOT_POSITIVE'
  | 'AMOUNT_OUT_OF_RANGE'
  | 'CURRENCY_INVALID'
  | 'CURRENCY_MISMATCH'
  | 'NAME_INVALID'
  | 'OVERDRAFT'
  | 'OVERDRAFT_LIMIT_INVALID'
  | 'PERIOD_CLOSED'
  | 'PERIOD_INVALID'
  | 'TRANSFER_UNBALANCED'
  | 'INTERNAL'
  | 'CONTENTION'
  | 'DATABASE_UNAVAILABLE';

const meanings: Readonly<Record<LedgerErrorCode, Meaning>> = {
  REQUEST_INVALID: { status: 400, kind: 'invalid', message: 'The request is malformed.' },
  CURSOR_INVALID: {
    status: 400,
    kind: 'invalid',
    message: 'The cursor is not one that a list has given out.',
  },
  WRITE_REFUSED: {
    status: 403,
    kind: 'denied',
    message: 'The database role of this service may not do that.',
  },
  TENANT_NOT_FOUND: { status: 404, kind: 'not-found', message: 'There is no such tenant.' },
  ACCOUNT_NOT_FOUND: { status: 404, kind: 'not-found', message: 'The tenant has no such account.' },
  TRANSFER_NOT_FOUND: { status: 404, kind: 'not-found', message: 'The tenant has no such transfer.' },
  ROUTE_NOT_FOUND: { status: 404, kind: 'not-found', message: 'There is no such resource.' },
  ACCOUNT_CODE_TAKEN: { status: 409, kind: 'conflict', message: 'The tenant has an account with this code.' },
  PERIOD_OVERLAPS: { status: 409, kind: 'conflict', message: 'A part of the period is closed already.' },
  TRANSFER_ALREADY_REVERSED: { status: 409, kind: 'conflict', message: 'The transfer is reversed already.' },
  APPEND_ONLY: { status: 409, kind: 'conflict', message: 'What is booked cannot be changed; reverse it.' },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    kind: 'conflict',
    message: 'The idempotency key belongs to a request with another content.',
  },
  ACCOUNT_UNKNOWN: {
    status: 422,
    kind: 'invalid',
    message: 'An entry names an account that does not exist.',
  },
  ACCOUNT_REPEATED: { status: 422, kind: 'invalid', message: 'Two entries of a transfer name one account.' },
  AMOUNT_NOT_POSITIVE: { status: 422, kind: 'invalid', message: 'An amount must be greater than zero.' },
  AMOUNT_OUT_OF_RANGE: {
    status: 422,
    kind: 'invalid',
    message: 'An amount or a balance does not fit 64 bits.',
  },
  CURRENCY_INVALID: { status: 422, kind: 'invalid', message: 'A currency is three capital letters.' },
  CURRENCY_MISMATCH: {
    status: 422,
    kind: 'invalid',
    message: 'An account has another currency than its entry.',
  },
  NAME_INVALID: { status: 422, kind: 'invalid', message: 'A name has 1 to 200 characters.' },
  OVERDRAFT: { status: 422, kind: 'invalid', message: 'The account would fall below its overdraft limit.' },
  OVERDRAFT_LIMIT_INVALID: { status: 422, kind: 'invalid', message: 'An overdraft limit is not negative.' },
  PERIOD_CLOSED: { status: 422, kind: 'invalid', message: 'The day of the booking is in a closed period.' },
  PERIOD_INVALID: { status: 422, kind: 'invalid', message: 'A period ends on or after the day it begins.' },
  TRANSFER_UNBALANCED: { status: 422, kind: 'invalid', message: 'Debits and credits must be equal.' },
  INTERNAL: { status: 500, kind: 'internal', message: 'The service failed.' },
  CONTENTION: {
    status: 503,
    kind: 'unavailable',
    message: 'Too many others are writing to the same rows. Nothing was booked; try again with the same key.',
  },
  DATABASE_UNAVAILABLE: { status: 503, kind: 'unavailable', message: 'The database cannot be reached.' },
};

/** A refusal with a stable code. Its message is safe to show to the caller. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;
  readonly kind: Kind;
  readonly status: number;

  constructor(code: LedgerErrorCode, options: { message?: string; cause?: unknown } = {}) {
    const meaning = meanings[code];
    super(options.message ?? meaning.message, { cause: options.cause });
    this.code = code;
    this.kind = meaning.kind;
    this.status = meaning.status;
  }
}
