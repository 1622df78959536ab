import { isTestDatabaseError } from '@postern/test-databases/server';
import type { ErrorResponse } from '../contract/response.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';

/** Any failure as it travels. */
export function toErrorResponse(thrown: unknown, correlationId?: string): ErrorResponse {
  const { code, kind, message, hint, details } = described(thrown);
  const all = { ...details, ...(correlationId === undefined ? {} : { correlationId }) };
  return {
    code,
    kind,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(Object.keys(all).length > 0 ? { details: all } : {}),
  };
}

function described(thrown: unknown): ErrorResponse | BootstrapError {
  if (isBootstrapError(thrown)) return thrown;
  if (isTestDatabaseError(thrown)) {
    const { code, kind, message, hint } = thrown;
    return { code, kind, message, ...(hint === undefined ? {} : { hint }) };
  }
  const { code, message } = (thrown ?? {}) as { code?: string; message?: string };
  return {
    code: 'BOOTSTRAP_INTERNAL',
    kind: 'internal',
    message: `unexpected: ${message ?? String(thrown)}`,
    hint: "Look at the function's log for the stack, and report it.",
    ...(code === undefined ? {} : { details: { code } }),
  };
}

/** A run that stopped in time, for a caller that cannot invoke again. */
export function incomplete(result: {
  readonly migrations?: readonly { readonly pending?: readonly string[] }[];
}): BootstrapError {
  const pending = (result.migrations ?? []).reduce(
    (sum, migration) => sum + (migration.pending?.length ?? 0),
    0,
  );
  return new BootstrapError(
    'BOOTSTRAP_INCOMPLETE',
    `the time was up${pending === 0 ? '' : ` with ${pending} migrations still to do`}`,
    {
      hint: 'What was done stays. Apply again, or run the first, long migration with the client or from a shell.',
    },
  );
}

/** Code, message and next step, for those who show text only. */
export function errorText({ code, message, hint }: ErrorResponse): string {
  return [`${code}: ${message}`, hint].filter(Boolean).join('\n');
}
