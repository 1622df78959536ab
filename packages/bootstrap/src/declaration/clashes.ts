import type { ManifestRole } from '../contract/manifest.ts';
import { completeDeclaration } from './complete.ts';
import type { DatabaseDeclaration } from './declaration.ts';

type Completed = ReturnType<typeof completeDeclaration>;

/** A role as one database declares it. */
interface Declared {
  readonly database: string;
  readonly role: ManifestRole;
}

/**
 * Problems between declarations that share a cluster, each valid by itself: names of databases and roles are global there.
 * `partial`: others are known to be wrong, so that what is missing may be theirs.
 */
export function clashes(declarations: readonly DatabaseDeclaration[], partial = false): string[] {
  const databases = declarations.map(completeDeclaration);
  const roles = new Map<string, Declared[]>();
  for (const { name, roles: declared } of databases) {
    for (const role of declared)
      roles.set(role.name, [...(roles.get(role.name) ?? []), { database: name, role }]);
  }
  return [
    ...twiceDeclared(databases),
    ...ownerClashes(declarations, databases, roles),
    ...[...roles.values()].flatMap(sharedProblems),
    ...membershipProblems(databases, roles, partial),
    ...cycles(roles),
  ];
}

function twiceDeclared(databases: readonly Completed[]): string[] {
  const names = databases.map(({ name }) => name);
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  return [...twice].map((name) => `database "${name}" is declared twice`);
}

/** Owners and migrators are made for their database, and an owner may own others where all of them say so. */
function ownerClashes(
  declarations: readonly DatabaseDeclaration[],
  databases: readonly Completed[],
  roles: ReadonlyMap<string, readonly Declared[]>,
): string[] {
  const problems: string[] = [];
  const owners = new Map<string, { database: string; named: boolean }>();
  const migrators = new Map(databases.map(({ name, migrator }) => [migrator, name]));
  for (const [index, { name, owner, migrator }] of databases.entries()) {
    const named = declarations[index]?.owner !== undefined;
    const other = owners.get(owner);
    if (other && other.database !== name && !(other.named && named)) {
      const silent = named ? other.database : name;
      problems.push(
        `role "${owner}" is the owner of database "${other.database}" and of database "${name}"; where that is meant, both say so: add owner: '${owner}' to "${silent}"`,
      );
    }
    owners.set(owner, { database: name, named });
    const runs = migrators.get(owner);
    if (runs !== undefined && runs !== name)
      problems.push(
        `role "${owner}" is the owner of database "${name}" and the migrator of database "${runs}"`,
      );
    for (const [what, role] of [
      ['owner', owner],
      ['migrator', migrator],
    ]) {
      const declared = roles.get(role as string)?.find(({ database }) => database !== name);
      if (declared) {
        problems.push(
          `role "${role}" is declared by database "${declared.database}" and is the ${what} of database "${name}"`,
        );
      }
    }
  }
  return problems;
}

/** Attributes belong to the role, not to the database that declares it. */
const attributes = ['login', 'connectionLimit', 'settings', 'memberOf'] as const;

function sharedProblems(declared: readonly Declared[]): string[] {
  const [first, ...others] = declared;
  if (first === undefined) return [];
  const problems: string[] = [];
  for (const other of others) {
    if (other.database === first.database) continue;
    const where = `role "${other.role.name}" is declared by database "${first.database}" and by database "${other.database}"`;
    const silent = [first, other].filter(({ role }) => !role.shared).map(({ database }) => `"${database}"`);
    if (silent.length > 0) {
      problems.push(
        `${where}; where that is meant, all say shared: true (missing in ${silent.join(' and ')})`,
      );
      continue;
    }
    for (const field of attributes) {
      const [a, b] = [JSON.stringify(first.role[field]), JSON.stringify(other.role[field])];
      if (a !== b) problems.push(`${where}, with different ${field}: ${a} and ${b}; they must be equal`);
    }
  }
  return problems;
}

function membershipProblems(
  databases: readonly Completed[],
  roles: ReadonlyMap<string, readonly Declared[]>,
  partial: boolean,
): string[] {
  const problems: string[] = [];
  const owners = new Map(databases.map(({ name, owner }) => [owner, name]));
  const migrators = new Map(databases.map(({ name, migrator }) => [migrator, name]));
  for (const { database, role } of [...roles.values()].flat()) {
    for (const group of role.memberOf) {
      const field = `database "${database}": roles.${role.name}.memberOf: "${group}"`;
      const declared = roles.get(group);
      const special = owners.get(group) ?? migrators.get(group);
      if (special !== undefined) {
        problems.push(
          `${field}: is the ${owners.has(group) ? 'owner' : 'migrator'} of database "${special}"; whoever is a member could change or drop it`,
        );
      } else if (declared === undefined) {
        if (!partial) problems.push(`${field}: no database declares this role`);
      } else if (declared.some((one) => one.role.login !== 'none')) {
        problems.push(
          `${field}: logs in${declared.some((one) => one.role.login === 'iam') ? ' by IAM token, and its members could then log in no other way' : ''}; a group must say login: false`,
        );
      } else if (
        !declared.some((one) => one.database === database) &&
        !declared.every((one) => one.role.shared)
      ) {
        problems.push(
          `${field}: belongs to database "${declared[0]?.database}" alone; there it must say shared: true`,
        );
      }
    }
  }
  return [...new Set(problems)];
}

/** PostgreSQL refuses a membership that closes a circle, but only when the others are there already. */
function cycles(roles: ReadonlyMap<string, readonly Declared[]>): string[] {
  const groupsOf = (role: string): string[] => (roles.get(role) ?? []).flatMap((one) => one.role.memberOf);
  const problems = new Set<string>();
  const done = new Set<string>();
  const walk = (role: string, path: readonly string[]): void => {
    const start = path.indexOf(role);
    if (start >= 0) {
      const circle = path.slice(start);
      const first = circle.indexOf([...circle].sort()[0] as string);
      const turned = [...circle.slice(first), ...circle.slice(0, first)];
      problems.add(`roles are members of each other: ${[...turned, turned[0]].join(' → ')}`);
      return;
    }
    if (done.has(role)) return;
    for (const group of new Set(groupsOf(role))) walk(group, [...path, role]);
    done.add(role);
  };
  for (const role of roles.keys()) walk(role, []);
  return [...problems];
}
