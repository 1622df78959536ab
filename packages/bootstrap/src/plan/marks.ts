/**
 * The comments on everything that `apply` has created: only what carries one may `prune` take away. Roles and databases that
 * existed before have none. Each names what it is on, because a comment goes along when somebody renames it, and what has
 * another name now is somebody else's.
 */
export function databaseMark(database: string): string {
  return `postern: made for database "${database}"`;
}

export function roleMark(role: string, database: string): string {
  return `postern: role "${role}" made for database "${database}"`;
}

/** What carries a comment. */
interface Commented {
  readonly name: string;
  readonly comment: string | null;
}

export function isMarkedDatabase({ name, comment }: Commented): boolean {
  return comment === databaseMark(name);
}

/** The database that a role was made for; undefined when it carries no mark, or that of another name. */
export function madeFor(role: Commented): string | undefined {
  const mark = parseRoleMark(role.comment);
  return mark?.role === role.name ? mark.database : undefined;
}

/** The name that a role was made with, and the database, when it has been renamed since. */
export function renamedFrom(role: Commented): { role: string; database: string } | undefined {
  const mark = parseRoleMark(role.comment);
  return mark && mark.role !== role.name ? mark : undefined;
}

function parseRoleMark(comment: string | null): { role: string; database: string } | undefined {
  const [, role, database] =
    /^postern: role "([a-z][a-z0-9_]{0,62})" made for database "([a-z][a-z0-9_]{0,62})"$/.exec(
      comment ?? '',
    ) ?? [];
  return role !== undefined && database !== undefined ? { role, database } : undefined;
}
