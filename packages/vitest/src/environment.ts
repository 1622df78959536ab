/** Where variables lead that could lead a test to a real database. `.invalid` resolves nowhere (RFC 2606). */
const NOWHERE = 'set-by-postern.invalid';

/** A URL that leads nowhere and says why. */
export const nowhereUrl = (why = 'tests-use-their-own-database'): string =>
  `postgres://${why}@${NOWHERE}/none`;

const POSTGRES_URL = /^(?:jdbc:|prisma\+)?postgres(?:ql)?:\/\//i;

/** libpq's, as far as they say where and as whom. */
const WHERE = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGSERVICE', 'PGSERVICEFILE'];
const WHO = ['PGUSER', 'PGPASSWORD', 'PGPASSFILE', 'PGDATABASE'];

export interface TestEnvironment {
  /** To be set before any code of the suite runs. */
  readonly set: Readonly<Record<string, string>>;
  /** To be taken away. */
  readonly unset: readonly string[];
  /** Names of variables that led somewhere; what they were is nobody's business. */
  readonly changed: readonly string[];
}

/**
 * An environment in which no test finds a real database by accident: `DATABASE_URL` and `PGHOST` lead nowhere whether or
 * not they were set (a `.env` file that is read later does not replace them), and so does every variable that holds a URL of
 * PostgreSQL, unless all its hosts are allowed by name.
 */
export function testEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  options: { allowHosts?: readonly string[]; databaseUrl?: string } = {},
): TestEnvironment {
  const allowed = new Set((options.allowHosts ?? []).map((host) => host.toLowerCase()));
  const isAllowed = (hosts: readonly string[]): boolean =>
    hosts.length > 0 && hosts.every((host) => allowed.has(host.toLowerCase()));
  const set: Record<string, string> = {};
  const changed: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || !POSTGRES_URL.test(value) || isAllowed(hostsOf(value))) continue;
    set[name] = nowhereUrl();
    if (!hostsOf(value).includes(NOWHERE)) changed.push(name);
  }
  for (const name of ['DATABASE_URL', ...(options.databaseUrl === undefined ? [] : [options.databaseUrl])]) {
    if (!(name in set) && !isAllowed(hostsOf(env[name] ?? ''))) set[name] = nowhereUrl();
  }
  const host = env['PGHOST'] || env['PGHOSTADDR'];
  if (host !== undefined && isAllowed(host.split(','))) return { set, unset: [], changed };
  changed.push(...[...WHERE, ...WHO].filter((name) => env[name] && env[name] !== NOWHERE));
  set['PGHOST'] = NOWHERE;
  return { set, unset: [...WHERE, ...WHO].filter((name) => name !== 'PGHOST'), changed };
}

/** The hosts of a URL, which may name several; a `host` among its parameters counts instead. Empty when there is none. */
export function hostsOf(url: string): string[] {
  const match = /^[a-z+:]*?:\/\/(?:[^@/?#]*@)?([^/?#]*)[^?#]*(\?[^#]*)?/i.exec(url);
  if (match === null) return [];
  const [, authority = '', query = ''] = match;
  const parameters = new URLSearchParams(query);
  const named = [...parameters.getAll('host'), ...parameters.getAll('hostaddr')].flatMap((hosts) =>
    hosts.split(','),
  );
  const hosts = authority.split(',').map((host) => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'));
  return [...(named.length > 0 ? named : hosts)].filter((host) => host !== '');
}
