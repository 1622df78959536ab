import { checkEncoding, checkLocale } from './locale.ts';
import { extensionProblem, migratorOf, nameProblems, ownerOf } from './names.ts';
import { checkConnectionLimit, checkFields, checkList, isRecord, type Report, show } from './report.ts';
import { checkRole } from './roles.ts';
import { checkSettings } from './settings.ts';

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
const sources = ['folder', 'sql', 'drizzle', 'prisma', 'migrator'];

/** Every problem of one declaration, each naming its field. The value comes from a user's file: trust nothing. */
export function declarationProblems(value: unknown): string[] {
  if (!isRecord(value)) {
    return ['the default export is not a database declaration: use defineDatabase({ name, … })'];
  }
  const { name } = value;
  const label =
    typeof name === 'string' && name ? `database "${name.slice(0, 80)}"` : 'database without a name';
  const problems: string[] = [];
  const report: Report = (field, message) => void problems.push(`${label}: ${field}: ${message}`);

  checkFields(value, fields, (key) => key.slice(0, 80), report);
  if (typeof name !== 'string') report('name', 'is required');
  else for (const problem of nameProblems('database', name)) report('name', problem);
  checkOwner(value, report);
  checkRoles(value, report);
  checkList(value['extensions'], 'extensions', report, (extension) => {
    const problem = extensionProblem(extension);
    return problem ? [problem] : [];
  });
  checkList(value['schemas'], 'schemas', report, (schema) => nameProblems('schema', schema));
  if (Array.isArray(value['schemas']) && value['schemas'].length === 0)
    report('schemas', 'must name at least one schema');
  checkEncoding(value['encoding'], report);
  checkLocale(value['locale'], value['encoding'], report);
  if (
    checkConnectionLimit(value['connectionLimit'], 'connectionLimit', report) &&
    value['connectionLimit'] === 0
  )
    report('connectionLimit', 'with 0 nobody could connect, neither the migrations nor the bootstrap');
  checkSettings(value['settings'], 'database', 'settings', report);
  checkMigrations(value['migrations'], report);
  if (value['seed'] !== undefined) checkPath(value['seed'], 'seed', 'an .sql file', report);
  if (typeof value['seed'] === 'string' && value['seed'] !== '' && !value['seed'].endsWith('.sql'))
    report('seed', 'must be an .sql file; what needs code belongs into a migration');
  return problems;
}

function checkOwner({ name, owner, roles }: Record<string, unknown>, report: Report): void {
  if (owner === undefined) return;
  if (typeof owner !== 'string') {
    report('owner', `expected the name of a role, got ${show(owner)}`);
    return;
  }
  for (const problem of nameProblems('role', owner)) report('owner', problem);
  if (typeof name === 'string' && owner === migratorOf(name)) {
    report(
      'owner',
      `${show(owner)} is the login that runs migrations: it becomes the owner, it cannot be it`,
    );
  }
  if (!isRecord(roles) || !Object.hasOwn(roles, owner)) return;
  const role = roles[owner];
  report(
    'owner',
    isRecord(role) && role['login'] === false
      ? `${show(owner)} is declared in roles, too; the owner is made by itself, and nobody is a member of it but the migrators`
      : `${show(owner)} is declared in roles as a login: who logs in as the owner can drop everything, and an owner in rds_iam would take the master, a member of each owner, out of its own password login. Name a role that nobody logs in as`,
  );
}

function checkRoles({ name, owner, roles, schemas }: Record<string, unknown>, report: Report): void {
  if (roles === undefined) return;
  if (!isRecord(roles)) {
    report('roles', `expected an object like { ledger_app: 'readwrite' }`);
    return;
  }
  const known = typeof name === 'string' ? name : undefined;
  const context = {
    schemas: schemas === undefined ? ['public'] : Array.isArray(schemas) ? schemas : undefined,
    owner: owner ?? (known === undefined ? undefined : ownerOf(known)),
    migrator: known === undefined ? undefined : migratorOf(known),
  };
  for (const [role, value] of Object.entries(roles)) {
    checkRole(role, value, context, report);
    if (known !== undefined && (role === ownerOf(known) || role === migratorOf(known)))
      report(`roles.${role}`, 'is created by itself; choose another name');
  }
}

function checkMigrations(value: unknown, report: Report): void {
  if (value === undefined) return;
  if (!isRecord(value)) {
    checkPath(value, 'migrations', 'a folder', report);
    return;
  }
  const keys = Object.keys(value);
  const [key = ''] = keys;
  if (keys.length !== 1 || !sources.includes(key)) {
    report(
      'migrations',
      `expected a path, or exactly one of ${sources.map((source) => `{ ${source}: path }`).join(', ')}; got ${keys.length === 0 ? 'none' : keys.map(show).join(', ')}`,
    );
    return;
  }
  checkPath(value[key], `migrations.${key}`, key === 'migrator' ? 'a module' : 'a folder', report);
}

function checkPath(value: unknown, field: string, what: string, report: Report): void {
  if (typeof value !== 'string' || value === '' || value.includes('\0'))
    report(field, `expected the path of ${what}, got ${show(value)}`);
}
