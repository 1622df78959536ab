import type { Manifest } from '@postern/bootstrap/contract';
import { parseCloneName, testLogin } from '@postern/test-databases';
import type { DatabaseUrls } from './database-urls.ts';
import { defaultRoleOf } from './default-role.ts';
import { databaseNotOpen, roleNotNamed } from './run-errors.ts';
import type { DatabaseUrlRequest } from './run-types.ts';
import type { Runs } from './runs.ts';

export interface FindOptions {
  runs: Pick<Runs, 'find'>;
  urls: Pick<DatabaseUrls, 'url'>;
  /** On AWS a kept database may be that of a host that has ended: what its roles are says the artefact. */
  environment: { readonly kind: 'local' | 'aws' };
  manifest: () => Promise<Manifest>;
}

/** A URL for a test database that is in use or was kept. Throws `CONNECT_TEST_DATABASE_UNKNOWN`, `CONNECT_ROLE_UNKNOWN`. */
export async function databaseUrl(
  request: DatabaseUrlRequest,
  options: FindOptions,
): Promise<{ url: string }> {
  const { name } = request;
  const found = options.runs.find(name) ?? (await ofAnotherHost(request, options));
  if (found === undefined) throw databaseNotOpen(name);
  const { run, roles, defaultRole } = found;
  const role = request.role ?? defaultRole;
  if (role === undefined) throw roleNotNamed(found.database, Object.keys(roles));
  return { url: await options.urls.url({ run, database: name, role, logins: roles }) };
}

/**
 * The name says the run, and by its hash the declared database, if that is still as it was. A clone of a branch has another
 * hash: then it is the one that declares the role. Whether there is such a database says the server.
 */
async function ofAnotherHost(
  { name, role: wanted }: DatabaseUrlRequest,
  { environment, manifest }: FindOptions,
): Promise<ReturnType<Runs['find']>> {
  const parsed = parseCloneName(name);
  if (parsed === undefined || environment.kind !== 'aws') return undefined;
  const { databases } = await manifest();
  const declared =
    databases.find(({ templateHash }) => templateHash.startsWith(parsed.hash8)) ??
    databases.find(({ roles }) => roles.some((role) => role.name === wanted)) ??
    (databases.length === 1 && wanted === undefined ? databases[0] : undefined);
  if (declared === undefined) return undefined;
  const roles = Object.fromEntries(declared.roles.map((role) => [role.name, testLogin(role.name)]));
  return {
    name,
    run: parsed.run,
    database: declared.name,
    roles,
    ...defaultRoleOf(declared, roles),
  };
}
