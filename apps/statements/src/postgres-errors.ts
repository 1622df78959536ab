import { StatementsError, type StatementsErrorCode } from './errors.ts';

/** Which of the two databases spoke. */
export type DatabaseName = 'ledger' | 'statements';

/** The rules live in the schema as named constraints; here each of them gets its stable code. */
export const constraintCodes: ReadonlyMap<string, StatementsErrorCode> = new Map(
  Object.entries({
    accounts_pkey: 'INTERNAL',
    accounts_currency_key: 'INTERNAL',
    accounts_currency_format: 'INTERNAL',
    statements_pkey: 'INTERNAL',
    statements_one_per_month: 'CONTENTION',
    statements_line_key: 'INTERNAL',
    statements_month_first_day: 'INTERNAL',
    statements_line_count_not_negative: 'INTERNAL',
    // An account never changes its currency, unless somebody rewrites the ledger.
    statements_account_fkey: 'LEDGER_CHANGED',
    statements_add_up: 'INTERNAL',
    statements_continue: 'LEDGER_CHANGED',
    statements_append_only: 'APPEND_ONLY',
    statement_lines_pkey: 'INTERNAL',
    statement_lines_side: 'INTERNAL',
    statement_lines_amount_positive: 'INTERNAL',
    statement_lines_statement_fkey: 'INTERNAL',
    statement_lines_append_only: 'APPEND_ONLY',
    months_pkey: 'INTERNAL',
    months_first_day: 'INTERNAL',
  }),
);

const unreachable = /^(?:08...|53300|57P0[1-4]|3D000|ECONN\w+|EPIPE|ENOTFOUND|ENOENT|ETIMEDOUT)$/;

/** Texts of `pg` for lost connections, which come without a code. */
const connectionLost =
  /^(?:Connection terminated|Client has encountered a connection error|timeout e(?:xpired|xceeded))/;

/** Translates what the driver throws; gives anything that is not the database's back as it came. */
export function fromPostgres(error: unknown, database: DatabaseName): unknown {
  if (!(error instanceof Error) || error instanceof StatementsError) return error;
  const code = codeFor(error, database);
  return code === undefined ? error : new StatementsError(code, { cause: error });
}

function codeFor(
  error: Error & { code?: unknown; constraint?: unknown },
  database: DatabaseName,
): StatementsErrorCode | undefined {
  const { code, constraint } = error;
  const unavailable = database === 'ledger' ? 'LEDGER_UNAVAILABLE' : 'DATABASE_UNAVAILABLE';
  if (typeof code !== 'string') return connectionLost.test(error.message) ? unavailable : undefined;
  if (code.startsWith('23'))
    return typeof constraint === 'string' ? constraintCodes.get(constraint) : undefined;
  if (code === '22003') return 'AMOUNT_OUT_OF_RANGE'; // numeric_value_out_of_range
  if (code === '42501' || code === '25006') return 'ACCESS_REFUSED'; // a grant or a policy; a read-only transaction
  return unreachable.test(code) ? unavailable : undefined;
}
