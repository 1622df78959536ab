/** Major versions of PostgreSQL whose roles and settings we know; 17 is the one that is installed with this package. */
export type PostgresMajor = 15 | 16 | 17 | 18;

export function isPostgresMajor(major: number): major is PostgresMajor {
  return major >= 15 && major <= 18;
}
