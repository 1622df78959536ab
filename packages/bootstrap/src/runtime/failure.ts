import { isTestDatabaseError } from '@postern/test-databases/server';
import type { ApplyResult, DownResult, ErrorResponse, MigrateResult } from '../contract/response.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { shortenedError } from './answer-size.ts';

/** Any failure as it travels, no longer than Lambda can answer. */
export function toErrorResponse(thrown: unknown, correlationId?: string): ErrorResponse {
  const { code, kind, message, hint, details } = described(thrown);
  const all = { ...details, ...(correlationId === undefined ? {} : { correlationId }) };
  return shortenedError({
    code,
    kind,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(Object.keys(all).length > 0 ? { details: all } : {}),
  });
}

function described(thrown: unknown): ErrorResponse | BootstrapError {
  if (isBootstrapError(thrown)) return thrown;
  if (isTestDatabaseError(thrown)) {
    const { code, kind, message, hint } = thrown;
    return { code, kind, message, ...(hint === undefined ? {} : { hint }) };
  }
  const { code, message } = (thrown ?? {}) as { code?: string; message?: string };
  const known = ofServer(code ?? '', message ?? '');
  if (known) return known;
  return {
    code: 'BOOTSTRAP_INTERNAL',
    kind: 'internal',
    message: `unexpected: ${message ?? String(thrown)}`,
    hint: "Look at the function's log for the stack, and report it.",
    ...(code === undefined ? {} : { details: { code, ...saidByServer(code, message) } }),
  };
}

/** What has to be known of an error of the server to mask it in the log. */
function saidByServer(code: string, message: string | undefined): Record<string, unknown> {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? { sqlState: code, message } : {};
}

/** Errors of the server that can meet any query, and are no bug. */
function ofServer(code: string, message: string): BootstrapError | undefined {
  if (
    /^(08|53|57P0)/.test(code) ||
    /^(ECONNRESET|EPIPE|ETIMEDOUT)$/.test(code) ||
    /^Connection terminated|connection error and is not queryable|^Client was closed/.test(message)
  ) {
    return new BootstrapError('BOOTSTRAP_DATABASE_UNREACHABLE', `the connection was lost: ${message}`, {
      hint: 'What was done stays, what was under way was rolled back. Run it again.',
      details: code === '' ? {} : { code },
    });
  }
  if (code !== '42501') return undefined;
  return new BootstrapError('BOOTSTRAP_OWNER_CONFLICT', `the master may not do this: ${message}`, {
    hint: 'Somebody took a right away from the master that the bootstrap needs, or something belongs to a role that the master is not a member of.',
    details: { sqlState: code },
  });
}

/** A run that stopped in time, for a caller that cannot invoke again. */
export function incomplete(result: ApplyResult | MigrateResult | DownResult): BootstrapError {
  const migrations = 'migrations' in result ? result.migrations : [];
  const pending = migrations.reduce((sum, database) => sum + (database.pending?.length ?? 0), 0);
  return new BootstrapError(
    'BOOTSTRAP_INCOMPLETE',
    `the run stopped in time${pending === 0 ? '' : ` with ${pending} migrations still to do`}`,
    {
      hint: `What was done stays. Run it again${'reverted' in result ? ' with the same "from"' : ''}, or let the client do so, which invokes the function until everything is done.`,
    },
  );
}

/** Code, message and next step, for those who show text only. */
export function errorText({ code, message, hint }: ErrorResponse): string {
  return [`${code}: ${message}`, hint].filter(Boolean).join('\n');
}
