import {
  dropRun,
  ensureClones,
  ensureEmpty,
  ensureTemplate,
  findBranch,
  findTemplate,
  installReset,
  leaseRole,
  ledgerVersion,
  maintenanceDatabase,
  parseCloneName,
  publishOwn,
  readLedgerVersion,
  type SqlClient,
  type SweepReport,
  sealBranch,
  sweep as sweepRuns,
  type Template,
  testLogin,
  transaction,
  withSession,
} from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { RequestOf } from '../contract/request.ts';
import type { BranchResult, DropResult, PrepareResult, PublishResult } from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { readApplied, runMigrations, seedDatabase } from '../migrate/migrate.ts';
import { readInner } from '../plan/inner-catalog.ts';
import { planInside } from '../plan/inside.ts';
import { localeClause } from '../plan/locale.ts';
import { rolesOf, testMigratorOf, testOwnerOf } from '../plan/roles.ts';
import { assignment } from '../plan/settings.ts';
import { selectDatabase } from './artefact.ts';
import { type Invocation, lockTimeoutMs } from './invocation.ts';
import { notApplied } from './migration-actions.ts';

/**
 * Databases for a run: clones of the template of `hash`, which is built first when this artefact has it, or of a branch that the
 * run has sealed.
 */
export async function prepare(request: RequestOf<'prepare'>, invocation: Invocation): Promise<PrepareResult> {
  const database = selectDatabase(invocation.artefact.manifest, request.database);
  return await inLedger(invocation, async (session) => {
    await requireRoles(session, database);
    const { hash, run, from } = request;
    if (from !== undefined) {
      refuseForeign(run, [from], 'from');
      const branch = await findBranch(session, { run, hash, from, database: database.name });
      return await cloneFor(session, request, database, branch, false, invocation);
    }
    const timeout = lockTimeoutMs(invocation);
    if (hash === database.templateHash) {
      const template = await ensureTemplate(
        session,
        {
          hash,
          database: database.name,
          owner: database.owner,
          locale: await localeOf(session, database),
          settings: settingsOf(database),
          fill: (name) => fillTemplate(name, database, invocation),
        },
        { lockTimeoutMs: timeout },
      );
      return await cloneFor(session, request, database, template, template.built, invocation);
    }
    const published = await findTemplate(session, hash, database.name);
    if (published) return await cloneFor(session, request, database, published, false, invocation);
    const login = testMigratorOf(database);
    const empty = await ensureEmpty(session, {
      run,
      hash,
      database: database.name,
      owner: testOwnerOf(database),
      locale: await localeOf(session, database),
      grants: { connect: [login], temporary: [testOwnerOf(database)], settings: settingsOf(database) },
      lockTimeoutMs: timeout,
      fill: (name) => declareInside(name, database, testOwnerOf(database), invocation),
    });
    const { declarationHash } = database;
    return { status: 'unknown', database: empty.database, login, declarationHash };
  });
}

/** Makes the database that the run migrated itself the template of its hash, and clones it. */
export async function publish(request: RequestOf<'publish'>, invocation: Invocation): Promise<PublishResult> {
  const database = selectDatabase(invocation.artefact.manifest, request.database);
  return await inLedger(invocation, async (session) => {
    await requireRoles(session, database);
    const template = await publishOwn(session, {
      run: request.run,
      hash: request.hash,
      database: database.name,
      owner: testOwnerOf(database),
      lockTimeoutMs: lockTimeoutMs(invocation),
      check: (name) => checkMigrated(name, request.migrations, invocation),
      seal: (name) => seal(name, testOwnerOf(database), invocation),
    });
    return await cloneFor(session, request, database, template, true, invocation);
  });
}

/** Makes a database of the run, as it is now, what further ones are cloned from. */
export async function branch(request: RequestOf<'branch'>, invocation: Invocation): Promise<BranchResult> {
  const database = selectDatabase(invocation.artefact.manifest, request.database);
  const { run, hash, from } = request;
  refuseForeign(run, [from], 'from');
  return await inLedger(invocation, async (session) => {
    await sealBranch(session, {
      run,
      hash,
      from,
      database: database.name,
      lockTimeoutMs: lockTimeoutMs(invocation),
      seal: (name, owner) => seal(name, owner, invocation),
    });
    return { status: 'sealed', database: from };
  });
}

export async function drop(request: RequestOf<'drop'>, invocation: Invocation): Promise<DropResult> {
  const { run, databases, keep, keepMs } = request;
  refuseForeign(run, databases ?? [], 'databases');
  refuseForeign(run, keep ?? [], 'keep');
  return await inLedger(invocation, async (session) => {
    const { dropped, kept } = await dropRun(session, {
      run,
      ...(databases === undefined ? {} : { databases }),
      ...(keep === undefined ? {} : { keep }),
      ...(keepMs === undefined ? {} : { keepMs }),
      connect: invocation.connect,
      lockTimeoutMs: lockTimeoutMs(invocation),
    });
    return keep === undefined ? { dropped } : { dropped, kept };
  });
}

function refuseForeign(run: string, names: readonly string[], field: string): void {
  if (names.every((name) => parseCloneName(name)?.run === run)) return;
  throw new BootstrapError('BOOTSTRAP_REQUEST_INVALID', `${field}: a name belongs to another run`, {
    hint: 'A run seals, clones, keeps and drops its own databases only.',
  });
}

export async function sweep(request: RequestOf<'sweep'>, invocation: Invocation): Promise<SweepReport> {
  return await inLedger(invocation, (session) =>
    sweepRuns(session, {
      dryRun: request.dryRun === true,
      connect: invocation.connect,
      lockTimeoutMs: 1_000,
    }),
  );
}

async function cloneFor(
  session: SqlClient,
  request: Pick<RequestOf<'prepare'>, 'hash' | 'run' | 'count' | 'first' | 'from'>,
  database: ManifestDatabase,
  template: Template,
  built: boolean,
  invocation: Invocation,
): Promise<PublishResult> {
  const holders = (privilege: string): string[] =>
    database.roles.filter((role) => role.privileges.database.includes(privilege)).map((role) => role.name);
  const logins = Object.fromEntries(
    database.roles.filter(({ login }) => login !== 'none').map(({ name }) => [name, testLogin(name)]),
  );
  const { databases, created } = await ensureClones(session, {
    run: request.run,
    hash: request.hash,
    database: database.name,
    template: template.name,
    owner: template.owner,
    count: request.count,
    ...(request.first === undefined ? {} : { first: request.first }),
    ...(request.from === undefined ? {} : { source: request.from }),
    // CONNECT is checked for the login, everything else for the role that it then acts as. The lease role resets.
    grants: {
      connect: [...Object.values(logins), leaseRole],
      temporary: holders('TEMPORARY'),
      create: holders('CREATE'),
    },
    lockTimeoutMs: lockTimeoutMs(invocation),
  });
  // Whoever asks for further ones knows it already.
  const size = request.first === undefined ? { bytes: await sizeOf(session, template.name) } : {};
  return { status: 'ready', template: template.name, databases, created, built, ...size, logins };
}

async function sizeOf(session: SqlClient, database: string): Promise<number> {
  const { rows } = await session.query('SELECT pg_database_size($1::name)::float8 AS bytes', [database]);
  return rows[0].bytes;
}

async function fillTemplate(name: string, database: ManifestDatabase, invocation: Invocation): Promise<void> {
  const { artefact } = invocation;
  await declareInside(name, database, database.owner, invocation);
  const asOwner = (target: string): Promise<SqlClient> =>
    invocation.connect(target, { role: database.owner });
  await withSession(asOwner, name, (session) =>
    runMigrations(session, {
      database: database.name,
      folder: artefact.migrationsFolder(database),
      definition: database,
      lockTimeoutMs: lockTimeoutMs(invocation),
    }),
  );
  const { seed } = database;
  if (seed) await withSession(asOwner, name, (session) => seedDatabase(session, artefact.fileOf(seed)));
  await seal(name, database.owner, invocation);
}

/** Encoding and locale of the declaration, as SQL. */
async function localeOf(session: SqlClient, { name, options }: ManifestDatabase): Promise<string> {
  const { rows } = await session.query(`SELECT current_setting('server_version_num')::int AS version`);
  return localeClause(name, options, { version: rows[0].version }).trim();
}

/** What the declaration sets for the database, as SQL; a test database shall behave like the real one. */
function settingsOf({ options }: ManifestDatabase): string[] {
  return Object.entries(options.settings).map(([name, value]) => assignment(name, value));
}

/** The schemas, extensions and grants of the declaration, for the given owner. */
async function declareInside(
  name: string,
  database: ManifestDatabase,
  owner: string,
  invocation: Invocation,
): Promise<void> {
  await withSession(invocation.connect, name, async (session) => {
    const group = planInside(database, await readInner(session, owner, database.schemas), owner);
    await transaction(session, async () => {
      for (const statement of group.statements) await session.query(statement.sql);
    });
  });
}

/** What every database that is cloned has at last, whoever has filled it: what resets need, and then nothing but statistics. */
async function seal(name: string, owner: string, invocation: Invocation): Promise<void> {
  await withSession(invocation.connect, name, (session) =>
    installReset(session, { owner, callers: [leaseRole] }),
  );
  await analyze(name, owner, invocation);
}

/**
 * Statistics for the planner (clones carry them along), in a fresh session: the first one after the last DDL
 * also writes the relation cache file, which saves every clone's first connection that work. It calls the functions of
 * indexes, as their owners and with no way back to the master; before PostgreSQL 17 with the search path that they may rely on.
 */
async function analyze(name: string, owner: string, invocation: Invocation): Promise<void> {
  await withSession(
    (target) => invocation.connect(target, { role: owner }),
    name,
    (session) => session.query('ANALYZE'),
  );
}

async function checkMigrated(
  name: string,
  expected: readonly string[],
  invocation: Invocation,
): Promise<void> {
  const names = (await withSession(invocation.connect, name, readApplied)).map((applied) => applied.name);
  const same =
    names.length === expected.length && names.every((applied, index) => applied === expected[index]);
  if (!same) {
    throw new BootstrapError(
      'TESTDB_TEMPLATE_INVALID',
      'the database does not hold the announced migrations',
      {
        kind: 'conflict',
        hint: 'Run all migrations in the database that prepare named, then publish.',
        details: { expected: expected.length, applied: names.length },
      },
    );
  }
}

/** A session in the maintenance database, where ledger and locks are. */
async function inLedger<T>(invocation: Invocation, work: (session: SqlClient) => Promise<T>): Promise<T> {
  if (!invocation.config.testDatabases) {
    throw new BootstrapError('BOOTSTRAP_ACTION_FORBIDDEN', 'this cluster may not hold test databases', {
      hint: 'POSTERN_TEST_DATABASES is not true for this function.',
    });
  }
  const session = await invocation.connect(maintenanceDatabase).catch((error: unknown) => {
    throw (error as { code?: string }).code === '3D000'
      ? notApplied(`database "${maintenanceDatabase}"`)
      : error;
  });
  try {
    const version = await readLedgerVersion(session);
    if (version < ledgerVersion) {
      const what = version === 0 ? 'the ledger' : `version ${ledgerVersion} of the ledger (it is ${version})`;
      throw notApplied(`${what} in "${maintenanceDatabase}"`);
    }
    return await work(session);
  } finally {
    await session.end().catch(() => undefined);
  }
}

async function requireRoles(session: SqlClient, database: ManifestDatabase): Promise<void> {
  const needed = rolesOf(database, true);
  const { rows } = await session.query('SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)', [needed]);
  const there = new Set(rows.map((row) => row.rolname as string));
  const missing = needed.filter((role) => !there.has(role));
  if (missing.length > 0) throw notApplied(`role "${missing.join('", "')}"`);
}
