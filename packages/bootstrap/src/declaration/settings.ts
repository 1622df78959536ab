import { fieldOf, isRecord, type Report, show } from './report.ts';

/** Some would make every session of the login somebody else, others break what Postern itself sends. */
const refused: Readonly<Record<string, string>> = {
  role: 'each session would begin as another role; use memberOf or a grant',
  session_authorization: 'each session would begin as another role; use memberOf or a grant',
  is_superuser: 'cannot be set',
  standard_conforming_strings: 'texts with backslashes would mean something else, a way in for injected SQL',
  backslash_quote: 'texts with backslashes would mean something else, a way in for injected SQL',
  client_encoding: 'the client chooses it',
  session_preload_libraries: 'a library that is missing on the server would refuse every login',
  local_preload_libraries: 'a library that is missing on the server would refuse every login',
  dynamic_library_path: 'only a superuser may change it',
};

/** In a whole database these would stop migrations, too. */
const refusedForDatabases: Readonly<Record<string, string>> = {
  default_transaction_read_only: 'migrations could no longer write; set it on the roles that shall only read',
  transaction_read_only: 'migrations could no longer write; set default_transaction_read_only on roles',
};

/** `ALTER ROLE … SET` and `ALTER DATABASE … SET`. */
export function checkSettings(value: unknown, of: 'role' | 'database', field: string, report: Report): void {
  if (value === undefined) return;
  if (!isRecord(value)) {
    report(field, `expected an object like { statement_timeout: '30s' }`);
    return;
  }
  for (const [name, setting] of Object.entries(value)) {
    const at = fieldOf(field, name);
    if (!/^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?$/.test(name) || name.length > 63) {
      report(
        at,
        'is no name of a setting (lower-case letters, digits and _, and one dot for those of extensions)',
      );
      continue;
    }
    const reasons = of === 'database' ? { ...refused, ...refusedForDatabases } : refused;
    if (Object.hasOwn(reasons, name)) report(at, `is refused: ${reasons[name]}`);
    const problem = valueProblem(setting);
    if (problem) report(at, problem);
  }
}

function valueProblem(value: unknown): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `expected a finite number, got ${value}`;
    case 'string':
      if (/\p{Cc}/u.test(value)) return 'must be one line without control characters';
      return value.length > 1000 ? 'is longer than 1000 characters' : undefined;
    default:
      return `expected a text, a number, true or false, got ${show(value)}`;
  }
}
