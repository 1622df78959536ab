import { nameProblems } from './names.ts';
import {
  checkConnectionLimit,
  checkFields,
  checkList,
  fieldOf,
  isRecord,
  type Report,
  show,
} from './report.ts';
import { checkSettings } from './settings.ts';

const fields = ['grant', 'login', 'connectionLimit', 'settings', 'memberOf', 'shared'];
const intents = ['readwrite', 'readonly', 'migrator'];
const privileges = {
  tables: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'],
  sequences: ['USAGE', 'SELECT', 'UPDATE'],
  functions: ['EXECUTE'],
  schemas: ['CREATE'],
  database: ['TEMPORARY', 'CREATE'],
} as const;

/** What a role is checked against. */
interface RoleContext {
  /** Of the database; undefined when that is wrong itself. */
  readonly schemas: readonly unknown[] | undefined;
  readonly owner: unknown;
  readonly migrator: string | undefined;
}

/** One entry of `roles`. */
export function checkRole(role: string, value: unknown, context: RoleContext, report: Report): void {
  const field = fieldOf('roles', role);
  for (const problem of nameProblems('role', role)) report(field, problem);
  if (typeof value === 'string') {
    checkIntent(value, field, report);
    return;
  }
  if (!isRecord(value)) {
    report(
      field,
      `expected a grant like 'readwrite' or an object like { grant: 'readwrite' }, got ${show(value)}`,
    );
    return;
  }
  checkFields(value, fields, (key) => fieldOf(field, key), report);
  const { grant, login, connectionLimit, settings, memberOf, shared } = value;
  if (grant !== undefined) checkGrant(grant, `${field}.grant`, context, report);
  if (login !== undefined && login !== 'iam' && login !== 'passwordless' && login !== false)
    report(`${field}.login`, `must be 'iam', 'passwordless' or false, got ${show(login)}`);
  checkConnectionLimit(connectionLimit, `${field}.connectionLimit`, report);
  checkSettings(settings, 'role', `${field}.settings`, report);
  if (shared !== undefined && typeof shared !== 'boolean')
    report(`${field}.shared`, `must be true or false, got ${show(shared)}`);
  if (login === false) {
    for (const [name, set] of Object.entries({ connectionLimit, settings })) {
      if (set !== undefined)
        report(
          `${field}.${name}`,
          'has no effect on a role that does not log in, and members do not inherit it',
        );
    }
    if (grant === 'migrator')
      report(
        `${field}.grant`,
        `'migrator' is for logins: who is a member of a group cannot become what the group may become`,
      );
  }
  checkList(memberOf, `${field}.memberOf`, report, (group) => groupProblems(role, group, context));
}

function groupProblems(role: string, group: string, { owner, migrator }: RoleContext): string[] {
  if (group === role) return ['a role cannot be a member of itself'];
  if (group === 'rds_iam')
    return [`it would make a login by token of whoever reaches it, the master too; write login: 'iam'`];
  if (/^rds/.test(group))
    return ['roles of RDS reach beyond this database, and some of them lead to the master'];
  if (/^pg_/.test(group)) return ['predefined roles of PostgreSQL reach into every database; use a grant'];
  if (group === owner) return [`members of the owner could drop the database; write grant: 'migrator'`];
  if (group === migrator)
    return [`it is a login by token, so members could no longer log in otherwise; write grant: 'migrator'`];
  return nameProblems('role', group);
}

function checkIntent(value: string, field: string, report: Report): void {
  if (!intents.includes(value))
    report(
      field,
      `the grant must be 'readwrite', 'readonly', 'migrator' or { custom: { … } }, got ${show(value)}`,
    );
}

function checkGrant(value: unknown, field: string, context: RoleContext, report: Report): void {
  if (typeof value === 'string') {
    checkIntent(value, field, report);
    return;
  }
  if (!isRecord(value) || !isRecord(value['custom'])) {
    report(
      field,
      `expected 'readwrite', 'readonly', 'migrator' or { custom: { tables: ['SELECT'] } }, got ${show(value)}`,
    );
    return;
  }
  checkFields(value, ['custom'], (key) => fieldOf(field, key), report);
  const custom = value['custom'];
  const at = (key: string): string => fieldOf(`${field}.custom`, key);
  checkFields(custom, [...Object.keys(privileges), 'in'], at, report);
  let named = 0;
  for (const [key, known] of Object.entries(privileges)) {
    const list = custom[key];
    if (list === undefined) continue;
    named++;
    checkList(list, at(key), report, (privilege) =>
      (known as readonly string[]).includes(privilege)
        ? []
        : [`no privilege of that kind; known are ${known.join(', ')}`],
    );
    if (Array.isArray(list) && list.length === 0) report(at(key), 'is empty; leave it out');
  }
  if (named === 0)
    report(`${field}.custom`, 'names no privilege; leave the grant out for a role without any');
  const { schemas } = context;
  const { in: within } = custom;
  if (Array.isArray(within) && within.length === 0) report(at('in'), 'must name at least one schema');
  checkList(within, at('in'), report, (schema) =>
    schemas === undefined || schemas.includes(schema)
      ? []
      : [`is none of the database's schemas (${schemas.map(show).join(', ')})`],
  );
}
