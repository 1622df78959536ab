import { testLogin } from '@postern/test-databases/server';

/** PostgreSQL cuts longer identifiers with no more than a NOTICE (NAMEDATALEN - 1). */
const maxBytes = 63;

const namePattern = /^[a-z][a-z0-9_]*$/;
const reservedPrefixes = ['pt_', 'ptt_', 'ptb_', 'pg_', 'rds'];
const reservedDatabases = ['postgres', 'template0', 'template1', 'postern'];
const reservedRoles = ['public', 'none', 'postgres', 'current_role', 'current_user', 'session_user'];
const reservedSchemas = ['information_schema', 'postern'];
const fields = [
  'name',
  'owner',
  'roles',
  'extensions',
  'schemas',
  'encoding',
  'locale',
  'connectionLimit',
  'settings',
  'migrations',
  'seed',
];

/** Names that follow from a database's name. */
export function ownerOf(database: string): string {
  return `${database}_owner`;
}

export function migratorOf(database: string): string {
  return `${database}_migrator`;
}

/** Every problem of one declaration, each naming its field. The value comes from a user's file: trust nothing. */
export function declarationProblems(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return ['the default export is not a database declaration: use defineDatabase({ name, … })'];
  }
  const declaration = value as Record<string, unknown>;
  const name = declaration['name'];
  const label =
    typeof name === 'string' && name ? `database "${name.slice(0, 80)}"` : 'database without a name';
  const problems: string[] = [];
  const report = (field: string, message: string): void =>
    void problems.push(`${label}: ${field}: ${message}`);

  for (const key of Object.keys(declaration)) {
    if (!fields.includes(key)) report(key, `unknown field; known are ${fields.join(', ')}`);
  }
  if (typeof name !== 'string') report('name', 'is required');
  else {
    checkName(name, reservedDatabases, (message) => report('name', message));
    checkLength(testLogin(migratorOf(name)), name, (message) => report('name', message));
  }

  const roles = declaration['roles'] ?? {};
  if (typeof roles !== 'object' || roles === null || Array.isArray(roles)) {
    report('roles', `expected an object like { ledger_app: 'readwrite' }`);
  } else {
    for (const [role, grant] of Object.entries(roles)) {
      const field = `roles.${role.slice(0, 80)}`;
      checkName(role, reservedRoles, (message) => report(field, message));
      checkLength(testLogin(role), role, (message) => report(field, message));
      if (typeof name === 'string' && (role === ownerOf(name) || role === migratorOf(name))) {
        report(field, 'is created by itself; choose another name');
      }
      if (typeof grant !== 'object' && !['readwrite', 'readonly', 'migrator'].includes(String(grant))) {
        report(field, `the grant must be 'readwrite' or 'readonly'`);
      }
    }
  }

  checkList(declaration['extensions'], 'extensions', report, (extension) =>
    /^[a-z][a-z0-9_-]*$/.test(extension) && extension.length <= maxBytes
      ? undefined
      : 'not an extension name (lower-case letters, digits, _ and -)',
  );
  checkList(declaration['schemas'], 'schemas', report, (schema) => {
    let message: string | undefined;
    checkName(schema, reservedSchemas, (text) => {
      message ??= text;
    });
    checkLength(schema, schema, (text) => {
      message ??= text;
    });
    return message;
  });
  if (Array.isArray(declaration['schemas']) && declaration['schemas'].length === 0) {
    report('schemas', 'must name at least one schema');
  }
  if (declaration['migrations'] !== undefined && typeof declaration['migrations'] !== 'string') {
    report('migrations', 'expected the path of a folder');
  }
  return problems;
}

/** Clashes between declarations that share a cluster: names of databases and roles are global there. */
export function clashes(
  declarations: readonly { readonly name: string; readonly roles?: object }[],
): string[] {
  const problems: string[] = [];
  const databases = new Set<string>();
  const roles = new Map<string, string>();
  const claim = (role: string, database: string): void => {
    const other = roles.get(role);
    if (other === undefined) roles.set(role, database);
    else if (other !== database) {
      problems.push(`role "${role}" is declared by database "${other}" and by database "${database}"`);
    }
  };
  for (const { name, roles: declared } of declarations) {
    if (databases.has(name)) problems.push(`database "${name}" is declared twice`);
    databases.add(name);
    for (const role of [ownerOf(name), migratorOf(name), ...Object.keys(declared ?? {})]) claim(role, name);
  }
  return problems;
}

function checkName(name: string, reserved: readonly string[], report: (message: string) => void): void {
  if (!namePattern.test(name)) {
    report('must start with a lower-case letter and consist of lower-case letters, digits and _');
  }
  const prefix = reservedPrefixes.find((candidate) => name.startsWith(candidate));
  if (prefix) report(`names that start with "${prefix}" are reserved`);
  if (reserved.includes(name)) report('is a reserved name');
}

function checkLength(derived: string, name: string, report: (message: string) => void): void {
  const bytes = new TextEncoder().encode(derived).length;
  if (bytes <= maxBytes) return;
  const what = derived === name ? 'it' : `"${derived.slice(0, 80)}", which follows from it,`;
  report(`${what} has ${bytes} bytes; PostgreSQL cuts names at ${maxBytes}`);
}

function checkList(
  value: unknown,
  field: string,
  report: (field: string, message: string) => void,
  problemOf: (item: string) => string | undefined,
): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) {
    report(field, 'expected a list of names');
    return;
  }
  const seen = new Set<unknown>();
  for (const item of value as unknown[]) {
    const shown = typeof item === 'string' ? `"${item.slice(0, 80)}"` : String(item);
    if (seen.has(item)) report(field, `${shown} is listed twice`);
    seen.add(item);
    const problem = typeof item === 'string' ? problemOf(item) : 'expected a name';
    if (problem) report(field, `${shown}: ${problem}`);
  }
}
