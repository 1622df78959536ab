import { LedgerError, type LedgerErrorCode } from './errors.ts';

/** The rules live in the schema as named constraints; here each of them gets its stable code. */
export const constraintCodes: ReadonlyMap<string, LedgerErrorCode> = new Map(
  Object.entries({
    tenants_pkey: 'INTERNAL',
    tenants_name_length: 'NAME_INVALID',
    accounts_pkey: 'INTERNAL',
    accounts_tenant_id_fkey: 'TENANT_NOT_FOUND',
    accounts_code_unique: 'ACCOUNT_CODE_TAKEN',
    accounts_currency_key: 'INTERNAL',
    accounts_currency_format: 'CURRENCY_INVALID',
    accounts_limit_not_negative: 'OVERDRAFT_LIMIT_INVALID',
    accounts_overdraft: 'OVERDRAFT',
    accounts_balance_derived: 'APPEND_ONLY',
    transfers_pkey: 'INTERNAL',
    transfers_tenant_id_fkey: 'TENANT_NOT_FOUND',
    transfers_number_unique: 'INTERNAL',
    transfers_entry_key: 'INTERNAL',
    transfers_tenant_key: 'INTERNAL',
    transfers_balanced: 'TRANSFER_UNBALANCED',
    transfers_in_open_period: 'PERIOD_CLOSED',
    transfers_reverses_fkey: 'TRANSFER_NOT_FOUND',
    transfers_reversed_once: 'TRANSFER_ALREADY_REVERSED',
    transfers_append_only: 'APPEND_ONLY',
    entries_pkey: 'INTERNAL',
    entries_amount_positive: 'AMOUNT_NOT_POSITIVE',
    entries_balanced: 'TRANSFER_UNBALANCED',
    entries_one_per_account: 'ACCOUNT_REPEATED',
    entries_transfer_fkey: 'INTERNAL',
    entries_account_currency_fkey: 'CURRENCY_MISMATCH',
    entries_append_only: 'APPEND_ONLY',
    idempotency_keys_pkey: 'INTERNAL',
    idempotency_keys_tenant_id_fkey: 'TENANT_NOT_FOUND',
    idempotency_keys_transfer_id_fkey: 'INTERNAL',
    idempotency_keys_key_length: 'REQUEST_INVALID',
    closed_periods_pkey: 'INTERNAL',
    closed_periods_tenant_id_fkey: 'TENANT_NOT_FOUND',
    closed_periods_bounded: 'PERIOD_INVALID',
    closed_periods_disjoint: 'PERIOD_OVERLAPS',
  }),
);

/** A unique index of a partition is reported by its own, generated name. */
const partitionOfOnePerAccount = /^entries_\w+_transfer_id_account_id_booked_on_key$/;

/** SQLSTATEs that mean the same wherever they come from. */
const stateCodes: ReadonlyMap<string, LedgerErrorCode> = new Map(
  Object.entries({
    '22003': 'AMOUNT_OUT_OF_RANGE', // numeric_value_out_of_range
    '22007': 'REQUEST_INVALID', // invalid_datetime_format
    '22008': 'REQUEST_INVALID', // datetime_field_overflow
    '22021': 'REQUEST_INVALID', // character_not_in_repertoire: a NUL in a text
    '25006': 'WRITE_REFUSED', // read_only_sql_transaction
    '42501': 'WRITE_REFUSED', // insufficient_privilege: a grant or a policy
    '53300': 'DATABASE_UNAVAILABLE', // too_many_connections
  }),
);

const unreachable = /^(?:08...|57P0[1-4]|ECONN\w+|EPIPE|ENOTFOUND|ENOENT|ETIMEDOUT)$/;

/** Texts of `pg` for lost connections, which come without a code. */
const connectionLost =
  /^(?:Connection terminated|Client has encountered a connection error|timeout e(?:xpired|xceeded))/;

/** Translates what the driver throws; gives anything that is not the database's back as it came. */
export function fromPostgres(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof LedgerError) return error;
  const code = codeFor(error);
  return code === undefined ? error : new LedgerError(code, { cause: error });
}

function codeFor(error: Error & { code?: unknown; constraint?: unknown }): LedgerErrorCode | undefined {
  const { code, constraint } = error;
  if (typeof code !== 'string')
    return connectionLost.test(error.message) ? 'DATABASE_UNAVAILABLE' : undefined;
  if (code.startsWith('23')) {
    if (typeof constraint !== 'string') return undefined;
    return partitionOfOnePerAccount.test(constraint) ? 'ACCOUNT_REPEATED' : constraintCodes.get(constraint);
  }
  return stateCodes.get(code) ?? (unreachable.test(code) ? 'DATABASE_UNAVAILABLE' : undefined);
}
