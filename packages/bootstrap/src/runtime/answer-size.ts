import type {
  AppliedStatement,
  DriftItem,
  ErrorResponse,
  MigratedDatabase,
  MigrationNotice,
  ResultOf,
} from '../contract/response.ts';

/** Lambda answers 6 MB at most; a longer answer of a run that was done would look like a failed one. */
const mostBytes = 5_000_000;

const mostMessage = 500;
const mostDrift = 1_000;

/** A result that can be answered: what servers and clusters may say without end is cut, what was done never is. */
export function shortened<R extends ResultOf[keyof ResultOf]>(result: R): R {
  if (Buffer.byteLength(JSON.stringify(result)) <= mostBytes) return result;
  const { statements, migrations, notices, drift } = result as {
    statements?: readonly AppliedStatement[];
    migrations?: readonly MigratedDatabase[];
    notices?: readonly MigrationNotice[];
    drift?: readonly DriftItem[];
  };
  return {
    ...result,
    ...(statements && { statements: statements.map(cutStatement) }),
    ...(migrations && { migrations: migrations.map(cutNotices) }),
    ...(notices && cutNotices({ notices })),
    ...(drift && { drift: drift.slice(0, mostDrift) }),
  };
}

function cutStatement({ notices, ...statement }: AppliedStatement): AppliedStatement {
  return notices === undefined ? statement : { ...statement, notices: notices.map((text) => cutText(text)) };
}

function cutNotices<T extends { readonly notices?: readonly MigrationNotice[] }>(of: T): T {
  if (of.notices === undefined) return of;
  return { ...of, notices: of.notices.map((notice) => ({ ...notice, message: cutText(notice.message) })) };
}

/** The server quotes what it does not understand, if need be all the rest of a file. */
const mostQuoted = 2_000;
const mostText = 10_000;

/**
 * A failure that can be answered. What the server said stays the same text in the message and in the details, so that both can be
 * masked. Only ends are cut: what is left of SQL can still be read, and masked, from its beginning.
 */
export function shortenedError(error: ErrorResponse): ErrorResponse {
  const { message, hint, details } = error;
  const quoted = [details?.['message'], details?.['sql']].filter((text) => typeof text === 'string');
  const short = quoted.reduce(
    (text, part) => text.replaceAll(part, () => cutText(part, mostQuoted)),
    message,
  );
  const texts = {
    ...error,
    message: cutText(short, mostText),
    ...(hint === undefined ? {} : { hint: cutText(hint, mostText) }),
    ...(details === undefined ? {} : { details: cutTexts(details, mostQuoted) }),
  };
  if (details === undefined || Buffer.byteLength(JSON.stringify(texts)) <= mostBytes) return texts;
  const simple = Object.entries(texts.details ?? {}).filter(([, value]) => typeof value !== 'object');
  return { ...texts, details: Object.fromEntries(simple) };
}

/** The same value with no text in it longer than that. */
export function cutTexts<T>(value: T, most: number): T {
  if (typeof value === 'string') return cutText(value, most) as T;
  if (Array.isArray(value)) return value.map((item) => cutTexts(item, most)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cutTexts(item, most)])) as T;
}

function cutText(text: string, most: number = mostMessage): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
