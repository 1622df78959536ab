import type { ProgressEvent } from '../contract/progress.ts';
import type { Request } from '../contract/request.ts';
import type {
  ApplyResult,
  DownResult,
  MigratedDatabase,
  MigrateResult,
  MigrationNotice,
  PruneResult,
} from '../contract/response.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { isOfCountOnly, namedDown } from './named-down.ts';

export interface Continuation {
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly correlationId: string;
}

/** How long an invocation may take when somebody waits for signs of progress. */
const progressBudgetMs = 10_000;

/** Most NOTICEs that a result keeps of one database. */
const mostNotices = 200;

type Continuable = ApplyResult | MigrateResult | DownResult;

/**
 * Invokes again until everything is done, and merges what the invocations did. A function that stops in time has always done
 * something new; one that has not would be asked for ever, so that is an error.
 */
export async function continueUntilDone(
  request: Request,
  call: Continuation,
  invoke: (request: Request, call: Continuation) => Promise<unknown>,
): Promise<unknown> {
  const { onProgress } = call;
  if (request.action === 'down' && isOfCountOnly(request)) {
    return await namedDown(
      request,
      (ask) => invoke(ask, call),
      (named) => continueUntilDone(named, call, invoke),
    );
  }
  if (request.action !== 'apply' && request.action !== 'migrate' && request.action !== 'down') {
    const result = await invoke(request, call);
    if (request.action === 'prune' && onProgress) tellStatements(result as PruneResult, onProgress);
    return result;
  }
  const next: typeof request =
    onProgress && request.budgetMs === undefined ? { ...request, budgetMs: progressBudgetMs } : request;
  let sum: Continuable | undefined;
  let statementsBefore: string | undefined;
  for (;;) {
    const earlier = sum;
    const result = (await invoke(next, call).catch((error: unknown) => {
      throw earlier && isBootstrapError(error) ? failedLater(error, earlier, call.correlationId) : error;
    })) as Continuable;
    if (onProgress) tell(result, onProgress);
    sum = sum === undefined ? result : merge(sum, result);
    // Older functions do not say.
    if (result.done !== false) return sum;
    if (sizeOf(result) === 0) throw stuck(sum);
    const statements = statementsAlone(result);
    if (statements !== undefined && statements === statementsBefore)
      throw notConverged(result as ApplyResult, sum);
    statementsBefore = statements;
  }
}

/** What an invocation ran that came to no migration. */
function statementsAlone(result: Continuable): string | undefined {
  if (!('statements' in result) || result.migrations.some(({ applied }) => applied.length > 0))
    return undefined;
  return result.statements.map(({ database, sql }) => `${database}: ${sql}`).join('\n');
}

function sizeOf(result: Continuable): number {
  if ('reverted' in result) return result.reverted.length;
  const applied = result.migrations.reduce((count, database) => count + database.applied.length, 0);
  return applied + ('statements' in result ? result.statements.length : 0);
}

function merge(before: Continuable, after: Continuable): Continuable {
  if ('reverted' in after) {
    const { reverted, notices } = before as DownResult;
    return { ...after, reverted: [...reverted, ...after.reverted], ...noticesOf(notices, after.notices) };
  }
  const migrations = after.migrations.map((database) =>
    mergeDatabase(
      (before as MigrateResult).migrations.find((other) => other.database === database.database),
      database,
    ),
  );
  if (!('statements' in after)) return { ...after, migrations };
  return { ...after, migrations, statements: [...(before as ApplyResult).statements, ...after.statements] };
}

function mergeDatabase(before: MigratedDatabase | undefined, after: MigratedDatabase): MigratedDatabase {
  if (before === undefined) return after;
  const applied = [...before.applied, ...after.applied];
  return { ...after, applied, ...noticesOf(before.notices, after.notices) };
}

function noticesOf(
  before: readonly MigrationNotice[] = [],
  after: readonly MigrationNotice[] = [],
): { notices?: MigrationNotice[] } {
  const notices = [...before, ...after].slice(0, mostNotices);
  return notices.length === 0 ? {} : { notices };
}

function tell(result: Continuable, onProgress: (event: ProgressEvent) => void): void {
  if ('reverted' in result) {
    const { database, reverted, notices } = result;
    tellMigrations(database, reverted, 'reverted', notices, onProgress);
    return;
  }
  if ('statements' in result) tellStatements(result, onProgress);
  for (const { database, applied, notices } of result.migrations) {
    tellMigrations(database, applied, 'applied', notices, onProgress);
  }
}

function tellMigrations(
  database: string,
  names: readonly string[],
  state: 'applied' | 'reverted',
  notices: readonly MigrationNotice[] = [],
  onProgress: (event: ProgressEvent) => void,
): void {
  for (const name of names) {
    for (const notice of notices) {
      if (notice.migration === name) onProgress({ event: 'notice', database, ...notice });
    }
    onProgress({ event: 'migration', database, name, state });
  }
}

function tellStatements(
  { statements }: Pick<ApplyResult, 'statements'>,
  onProgress: (event: ProgressEvent) => void,
): void {
  for (const statement of statements) onProgress({ event: 'statement', ...statement });
}

/** An error after some invocations have done their part, and logged it by that id. */
function failedLater(error: BootstrapError, earlier: Continuable, correlationId: string): BootstrapError {
  const { code, kind, message, hint, cause } = error;
  return new BootstrapError(code, message, {
    kind,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
    details: { ...error.details, correlationId, earlier },
  });
}

function stuck(earlier: Continuable): BootstrapError {
  return new BootstrapError('BOOTSTRAP_INCOMPLETE', 'the function stopped without having done anything', {
    hint: 'Its time-out is too short to begin a migration: raise it.',
    details: { earlier },
  });
}

function notConverged({ statements }: ApplyResult, earlier: Continuable): BootstrapError {
  return new BootstrapError(
    'BOOTSTRAP_NOT_CONVERGED',
    `each invocation runs the same ${statements.length} statements again, and comes to no migration`,
    {
      hint: 'Something else changes the same roles or databases, or the server ignores a statement (REVOKE only warns). Run plan and compare.',
      details: { statements, earlier },
    },
  );
}
