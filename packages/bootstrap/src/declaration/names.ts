import { leaseRole, testLogin } from '@postern/test-databases/server';

/** PostgreSQL cuts longer identifiers with no more than a NOTICE (NAMEDATALEN - 1). */
const maxBytes = 63;

const namePattern = /^[a-z][a-z0-9_]*$/;
const reservedPrefixes = ['pt_', 'ptt_', 'ptb_', 'pg_', 'rds'];
const reserved = {
  database: ['postgres', 'template0', 'template1', 'postern'],
  role: ['public', 'none', 'postgres', 'current_role', 'current_user', 'session_user'],
  schema: ['information_schema', 'postern'],
} as const;

/** Names that follow from a database's name. */
export function ownerOf(database: string): string {
  return `${database}_owner`;
}

export function migratorOf(database: string): string {
  return `${database}_migrator`;
}

/** What is wrong with a name of our own making, together with the names that follow from it. */
export function nameProblems(kind: keyof typeof reserved, name: string): string[] {
  const problems: string[] = [];
  if (!namePattern.test(name))
    problems.push('must start with a lower-case letter and consist of lower-case letters, digits and _');
  const prefix = reservedPrefixes.find((candidate) => name.startsWith(candidate));
  if (prefix) problems.push(`names that start with "${prefix}" are reserved`);
  if ((reserved[kind] as readonly string[]).includes(name)) problems.push('is a reserved name');
  const derived = { database: testLogin(migratorOf(name)), role: testLogin(name), schema: name }[kind];
  if (kind === 'role' && derived === leaseRole)
    problems.push(`"${leaseRole}", which follows from it, is the login that holds the leases of test runs`);
  const bytes = new TextEncoder().encode(derived).length;
  if (bytes > maxBytes) {
    const what = derived === name ? 'it' : `"${derived.slice(0, 80)}", which follows from it,`;
    problems.push(`${what} has ${bytes} bytes; PostgreSQL cuts names at ${maxBytes}`);
  }
  return problems;
}

/** What is wrong with the name of an extension. */
export function extensionProblem(name: string): string | undefined {
  return /^[a-z][a-z0-9_-]*$/.test(name) && name.length <= maxBytes
    ? undefined
    : 'not an extension name (lower-case letters, digits, _ and -)';
}
