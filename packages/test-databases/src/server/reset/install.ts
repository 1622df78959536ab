import { TestDatabaseError } from '../../errors.ts';
import { quoteIdentifier } from '../names.ts';
import { type SqlClient, transaction } from '../sql-client.ts';
import { maySwitchTriggersOff, watchDdl } from './ddl-watch.ts';
import {
  catalogTableSql,
  eventTriggersSql,
  fingerprintBody,
  objectCountSql,
  rememberSql,
} from './fingerprint.ts';
import {
  asOwnerBody,
  copySeeds,
  countSeeds,
  lockSql,
  markSql,
  membersSql,
  ownersFunction,
  restoreFunctions,
  type SeededTable,
  sequenceFunctions,
  tablesSql,
  viewsFunction,
} from './machinery.ts';
import { quoteBody, resetSchema, seedSchema } from './names.ts';
import { readObjects, type UserObjects, type UserTable } from './objects.ts';
import { outliveCrash } from './outlive-crash.ts';
import { type Outsider, readOutsiders } from './outsiders.ts';
import { type Obstacle, obstaclesIn } from './reasons.ts';
import { pinned, resetFunction, settingsHash } from './reset-function.ts';
import { qualified, textSettings } from './restore-table.ts';

export interface ResetOptions {
  /** Owns the tables. Code in the database (index functions, checks, generated columns) runs as this role during a reset. */
  readonly owner: string;
  /** Roles that may call the reset; they get no other right. */
  readonly callers: readonly string[];
  /** A table with more rows in the template is not copied; a test that writes to it uses the database up. Default 50,000. */
  readonly bigSeedRows?: number;
}

export interface ResetInstallation {
  /** How DDL is noticed. */
  readonly ddl: 'event-trigger' | 'fingerprint';
  readonly resettable: boolean;
  /** Why a database of this template can never be reset. */
  readonly reasons: readonly string[];
}

/**
 * Prepares a finished template so that its clones can be reset: the last step, nothing may be changed afterwards. Can be
 * repeated, which replaces what an earlier call made.
 *
 * It ends the other sessions of the database and works in one transaction of its own. The master has to have what the owner
 * has: by membership with INHERIT, as superuser, or by being the owner. Whatever the template is, `reset_database` exists
 * afterwards and belongs to the master: nobody else can put a function of that name there for callers to run.
 *
 * @throws TestDatabaseError `TESTDB_NAME_TAKEN` when a schema of ours belongs to somebody else
 */
export async function installReset(session: SqlClient, options: ResetOptions): Promise<ResetInstallation> {
  await endOthers(session);
  try {
    await outliveCrash(session);
    return await install(session, options);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const detail = `the template could not be prepared: ${(error as Error).message}`;
    return await install(session, options, [{ reason: 'not-resettable', detail }]);
  }
}

/** Whether the server says that something in the database is not allowed or not possible, today and tomorrow. */
function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return (
    typeof code === 'string' && /^(0A|22|23|2B|42|54|55(?!P03)|P0|53200$)/.test(code) && code.length === 5
  );
}

async function install(
  session: SqlClient,
  options: ResetOptions,
  known: readonly Obstacle[] = [],
): Promise<ResetInstallation> {
  return await transaction(session, async () => {
    // The database may have defaults of its own.
    await session.query('SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE');
    const settings = ['search_path = pg_catalog, pg_temp', 'row_security = off', `lock_timeout = '10s'`];
    await session.query([...settings, ...textSettings].map((one) => `SET LOCAL ${one}`).join('; '));
    // Event triggers that guard the schema are switched off as well.
    const switchesOff = await maySwitchTriggersOff(session);
    if (switchesOff) await session.query('SET LOCAL session_replication_role = replica');
    await makeSchemas(session);
    const found = known.length > 0 ? unprepared(known) : await prepare(session, options, switchesOff);
    const { rows } = await session.query(
      `SELECT ${settingsHash} AS settings FROM (SELECT d.oid AS here FROM pg_database d WHERE d.datname = current_database()) d`,
    );
    await session.query(
      resetFunction({ ...found, obstacle: found.obstacles[0], settings: rows[0].settings as string }),
    );
    await finish(session, options, found);
    return {
      ddl: found.ddl,
      resettable: found.obstacles.length === 0,
      reasons: found.obstacles.map(({ detail }) => detail),
    };
  });
}

function unprepared(obstacles: readonly Obstacle[]): Installed {
  return {
    ddl: 'fingerprint',
    always: [],
    hasSequences: false,
    watchesViews: false,
    countsObjects: false,
    outsiders: [],
    obstacles,
  };
}

async function prepare(session: SqlClient, options: ResetOptions, switchesOff: boolean): Promise<Installed> {
  const objects = await readObjects(session);
  const obstacles = obstaclesIn(objects, options.owner);
  if (!switchesOff) {
    const detail = 'the master may not set session_replication_role, and so cannot switch triggers off';
    obstacles.unshift({ reason: 'not-resettable', detail });
  }
  return obstacles.length > 0 ? unprepared(obstacles) : await installMachinery(session, objects, options);
}

/** (Those of superusers can be ended by superusers only: the service's own on RDS.) What they wrote and have not committed would be neither in the copies nor younger than the template. */
async function endOthers(session: SqlClient): Promise<void> {
  await session.query(
    `SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity
      WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
        AND backend_type OPERATOR(pg_catalog.=) 'client backend'
        AND usesysid OPERATOR(pg_catalog.=) ANY (SELECT r.oid FROM pg_catalog.pg_roles r WHERE NOT r.rolsuper
                            OR (SELECT m.rolsuper FROM pg_catalog.pg_roles m WHERE m.rolname OPERATOR(pg_catalog.=) CURRENT_USER))`,
  );
}

async function makeSchemas(session: SqlClient): Promise<void> {
  const { rows } = await session.query(
    `SELECT n.nspname AS name FROM pg_namespace n
      WHERE n.nspname IN ('${resetSchema}', '${seedSchema}') AND n.nspowner <> current_user::regrole`,
  );
  if (rows.length > 0) {
    throw new TestDatabaseError(
      'TESTDB_NAME_TAKEN',
      `a schema named "${rows[0].name}" exists and is not ours`,
      {
        kind: 'conflict',
        hint: 'Postern keeps what resets need in schemas of this name. Choose another one in the migrations.',
      },
    );
  }
  for (const schema of [resetSchema, seedSchema]) {
    await session.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`);
  }
}

interface Installed {
  readonly ddl: 'event-trigger' | 'fingerprint';
  readonly always: readonly string[];
  readonly hasSequences: boolean;
  readonly watchesViews: boolean;
  readonly countsObjects: boolean;
  readonly outsiders: readonly Outsider[];
  readonly obstacles: readonly Obstacle[];
}

async function installMachinery(
  session: SqlClient,
  objects: UserObjects,
  options: ResetOptions,
): Promise<Installed> {
  const { owner, bigSeedRows = 50_000 } = options;
  const own = objects.tables.filter((table) => table.owner === owner);
  const plain = own.filter(({ kind }) => kind === 'r');
  const watched = objects.tables.filter(
    (table) =>
      (table.kind === 'r' || table.kind === 'p') &&
      (table.owner === owner || table.owner === objects.master || objects.superuser),
  );
  await session.query(tablesSql);
  await session.query(catalogTableSql);
  if (owner !== objects.master) {
    const role = quoteIdentifier(owner);
    // Taken back at the end of the same transaction: nobody ever sees it.
    await session.query(
      `GRANT CREATE ON SCHEMA ${resetSchema} TO ${role}; GRANT USAGE ON SCHEMA ${seedSchema} TO ${role}`,
    );
  }
  await session.query(
    ownersFunction(
      owner,
      { name: 'as_owner', parameter: 'statements', type: 'text[]', returns: 'int8[]' },
      asOwnerBody,
    ),
  );
  await session.query(lockSql(plain));
  const forced = plain.filter(({ forcesRls }) => forcesRls);
  await forceRls(session, forced, false);
  const seeded = await countSeeds(session, plain, bigSeedRows);
  await copySeeds(session, seeded, owner);
  await forceRls(session, forced, true);

  const obstacles: Obstacle[] = seeded
    .filter(({ table, rows }) => table.unlogged && rows === undefined)
    .map(({ table: { schema, name } }) => ({
      reason: 'big-seed',
      detail: `${schema}.${name} is unlogged and has too many rows to be copied: a crash would empty it unnoticed`,
    }));
  const sequences = objects.sequences.filter((sequence) => sequence.owner === owner);
  const statements = [
    ...watched.map(markSql),
    ...restoreFunctions(seeded, owner),
    ...(await sequenceFunctions(session, sequences, owner)),
    membersSql(seeded, watched),
  ];
  await session.query(statements.join(';\n'));

  const ddl = (await watchDdl(session)) ? 'event-trigger' : 'fingerprint';
  const views = own.filter(({ kind, populated }) => kind === 'm' && populated);
  const watchesViews = ddl === 'fingerprint' && views.length > 0;
  if (watchesViews) obstacles.push(...(await watchViews(session, views, owner, bigSeedRows)));
  if (ddl === 'fingerprint') {
    await session.query(
      `CREATE FUNCTION ${resetSchema}.fingerprint(newer int, OUT total int8, OUT hard int8, OUT soft int8)
LANGUAGE plpgsql ${pinned} AS ${quoteBody(fingerprintBody(objects.version))}`,
    );
  }
  await session.query(`DROP FUNCTION ${resetSchema}.as_owner(text[])`);
  if (owner !== objects.master)
    await session.query(`REVOKE ALL ON SCHEMA ${resetSchema} FROM ${quoteIdentifier(owner)}`);
  const always = seeded
    .filter(({ table, rows }) => table.unlogged && rows !== 0)
    .map(({ table }) => table.oid);
  const outside = await readOutsiders(session, objects, { owner, watched });
  obstacles.push(...outside.obstacles);
  return {
    ddl,
    always,
    hasSequences: sequences.length > 0,
    watchesViews,
    countsObjects: ddl === 'event-trigger' && objects.version >= 170000,
    outsiders: outside.outsiders,
    obstacles,
  };
}

/** A refresh notes nothing in catalogs when it is CONCURRENTLY, so the rows are looked at. */
async function watchViews(
  session: SqlClient,
  views: readonly UserTable[],
  owner: string,
  bigSeedRows: number,
): Promise<Obstacle[]> {
  const seeded: SeededTable[] = await countSeeds(session, views, bigSeedRows);
  await session.query(viewsFunction(seeded, owner));
  return seeded
    .filter(({ rows }) => rows === undefined)
    .map(({ table: { schema, name } }) => ({
      reason: 'materialised-view',
      detail: `materialised view ${schema}.${name} has too many rows to be watched without an event trigger`,
    }));
}

async function forceRls(session: SqlClient, tables: readonly UserTable[], force: boolean): Promise<void> {
  if (tables.length === 0) return;
  const word = force ? 'FORCE' : 'NO FORCE';
  await session.query(
    tables.map((table) => `ALTER TABLE ONLY ${qualified(table)} ${word} ROW LEVEL SECURITY`).join('; '),
  );
}

/** Rights, and the state from which everything that follows is told. */
async function finish(
  session: SqlClient,
  { callers }: ResetOptions,
  { ddl, countsObjects, obstacles }: Installed,
): Promise<void> {
  const complete = obstacles.length === 0;
  const statements = [
    `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${resetSchema} FROM PUBLIC`,
    `REVOKE ALL ON FUNCTION ${resetSchema}.reset_database(int[]) FROM PUBLIC`,
  ];
  if (callers.length > 0) {
    const roles = callers.map(quoteIdentifier).join(', ');
    statements.push(
      `GRANT USAGE ON SCHEMA ${resetSchema} TO ${roles}`,
      `GRANT EXECUTE ON FUNCTION ${resetSchema}.reset_database(int[]) TO ${roles}`,
    );
  }
  if (complete) {
    statements.push(rememberSql);
    const counted = countsObjects ? objectCountSql : '0';
    const rows = ddl === 'fingerprint' ? `(SELECT f.total FROM ${resetSchema}.fingerprint(0) f)` : counted;
    statements.push(
      `INSERT INTO ${resetSchema}.state VALUES (pg_current_xact_id(), ${rows}, ${eventTriggersSql})`,
      // What this very transaction did is no DDL of a test.
      `DELETE FROM ${resetSchema}.dirty`,
    );
  }
  await session.query(statements.join(';\n'));
}
