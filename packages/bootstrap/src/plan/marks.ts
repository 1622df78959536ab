/**
 * The comment on everything that `apply` has created: only what carries it may `prune` take away. Roles and databases that
 * existed before have none.
 */
export function markFor(database: string): string {
  return `postern: made for database "${database}"`;
}

/** The database that a comment's mark names; undefined when it is no mark. */
export function parseMark(comment: string | null): string | undefined {
  return /^postern: made for database "([a-z][a-z0-9_]{0,62})"$/.exec(comment ?? '')?.[1];
}
