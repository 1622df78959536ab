import { beginningOf, nothingToTakeBack, repeatedWith } from '../contract/repeatable-down.ts';
import type { RequestOf } from '../contract/request.ts';
import type { StatusResult } from '../contract/response.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';

/** A `down` that would take back others when it is repeated. */
export function isOfCountOnly(request: RequestOf<'down'>): boolean {
  return request.from === undefined && request.dryRun !== true;
}

/**
 * Asks where it begins, and runs it from there. An error then says how to go on: whether the function did some of it, nobody
 * knows when its answer is lost.
 */
export async function namedDown(
  request: RequestOf<'down'>,
  ask: (request: RequestOf<'status'>) => Promise<unknown>,
  run: (request: RequestOf<'down'>) => Promise<unknown>,
): Promise<unknown> {
  const { database, count } = request;
  const status = await ask({ action: 'status', databases: [database] }).catch((error: unknown) => {
    if (!isBootstrapError(error) || error.code !== 'BOOTSTRAP_ACTION_FORBIDDEN') throw error;
    throw changed(error, {
      hint: 'Name the newest migration that is to be taken back in from, or allow status beside down: it tells which it is.',
    });
  });
  const from = beginningOf(status as StatusResult);
  if (from === undefined) {
    const { message, hint } = nothingToTakeBack;
    throw new BootstrapError('BOOTSTRAP_MIGRATION_UNKNOWN', `database "${database}": ${message}`, { hint });
  }
  return await run({ ...request, from }).catch((error: unknown) => {
    if (!isBootstrapError(error)) throw error;
    const again = repeatedWith(`from: "${from}"`, count);
    throw changed(error, {
      hint: [error.hint, again].filter(Boolean).join(' '),
      details: { ...error.details, from },
    });
  });
}

function changed(
  { code, kind, message, details, cause }: BootstrapError,
  { hint, details: others = details }: { hint: string; details?: BootstrapError['details'] },
): BootstrapError {
  return new BootstrapError(code, message, {
    kind,
    hint,
    details: others,
    ...(cause === undefined ? {} : { cause }),
  });
}
