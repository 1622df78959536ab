import type {
  AppliedStatement,
  DriftItem,
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
  return notices === undefined ? statement : { ...statement, notices: notices.map(cutText) };
}

function cutNotices<T extends { readonly notices?: readonly MigrationNotice[] }>(of: T): T {
  if (of.notices === undefined) return of;
  return { ...of, notices: of.notices.map((notice) => ({ ...notice, message: cutText(notice.message) })) };
}

function cutText(text: string): string {
  return text.length <= mostMessage ? text : `${text.slice(0, mostMessage)}…`;
}
