import { type Dice, insertSql, type RandomSchema, type RandomTable, sqlValue } from './random-schema.ts';

interface Step {
  readonly sql: string;
  /** Rows for COPY FROM STDIN. */
  readonly copy?: string;
  /** When it succeeds, the database must be given up. */
  readonly final?: boolean;
}

export interface RandomSession {
  readonly as: 'owner' | 'app' | 'master' | 'superuser';
  readonly steps: readonly Step[];
  /** What becomes of the session before the reset. */
  readonly end: 'closed' | 'idle' | 'open transaction';
}

/** What one test does, in one to three sessions. */
export function randomRound(dice: Dice, schema: RandomSchema): RandomSession[] {
  const sessions: RandomSession[] = [];
  for (let index = 1 + dice.below(3); index > 0; index--) {
    const as = dice.chance(0.05) ? 'superuser' : dice.one(['owner', 'owner', 'app', 'master'] as const);
    const steps: Step[] = [];
    if (as === 'master') steps.push({ sql: 'SET session_replication_role = replica' });
    for (let count = dice.below(5); count > 0; count--) steps.push(...randomSteps(dice, schema));
    if (as === 'owner' && dice.chance(0.05)) steps.push(finalStep(dice, schema));
    if (as === 'superuser' && dice.chance(0.5)) steps.push(superuserStep(dice, schema));
    sessions.push({
      as,
      steps,
      end: dice.one(['idle', 'idle', 'idle', 'idle', 'idle', 'closed', 'open transaction'] as const),
    });
  }
  return sessions;
}

function randomSteps(dice: Dice, schema: RandomSchema): Step[] {
  const step = randomStep(dice, schema);
  if (dice.chance(0.15)) return [{ sql: 'BEGIN' }, step, { sql: dice.chance(0.5) ? 'ROLLBACK' : 'COMMIT' }];
  if (dice.chance(0.08)) {
    return [
      { sql: 'BEGIN' },
      { sql: 'SAVEPOINT s' },
      step,
      { sql: 'ROLLBACK TO s' },
      randomStep(dice, schema),
      { sql: 'COMMIT' },
    ];
  }
  return [step];
}

function randomStep(dice: Dice, schema: RandomSchema): Step {
  const table = dice.one(schema.tables);
  const name = table.parts.length > 0 && dice.chance(0.3) ? dice.one(table.parts) : table.name;
  const some = `abs(hashtext(t::text || '${dice.below(1_000_000)}')) % 10 < ${1 + dice.below(6)}`;
  const first = 10_000 + dice.below(1_000_000);
  const { name: column, type } = dice.one(table.columns.filter(({ fixed }) => !fixed));
  const rows = dice.one([1, 1, 3, 20, 300]);
  const sql = dice.one<() => string>([
    () => insertSql(dice, table, name, first, rows),
    () => insertSql(dice, table, name, first, rows),
    () => `${insertSql(dice, table, name, 1, rows)} ON CONFLICT DO NOTHING`,
    () => upsert(dice, table, name),
    () => `UPDATE ${name} t SET ${column} = ${sqlValue(type, String(first))} WHERE ${some}`,
    () => `UPDATE ${name} t SET ${column} = ${column}`,
    () => `UPDATE ${name} t SET "tag" = "tag" || '!' WHERE ${some}`,
    () => `UPDATE ${name} t SET "rank" = "rank" + 1 WHERE ${some}`,
    () => keyUpdate(table, name, some),
    () => `DELETE FROM ${name} t WHERE ${some}`,
    () => `DELETE FROM ONLY ${name} t WHERE ${some}`,
    () => `DELETE FROM ${name}`,
    () => `TRUNCATE ${name} ${dice.one(['', 'CASCADE', 'RESTART IDENTITY', 'RESTART IDENTITY CASCADE'])}`,
    () =>
      `WITH gone AS (DELETE FROM ${name} t WHERE ${some} RETURNING 1) INSERT INTO app.log (what) SELECT 'gone' FROM gone`,
    () => `MERGE INTO ${name} t USING (SELECT 1 AS one) s ON ${some} WHEN MATCHED THEN DELETE`,
    () => sequenceStep(dice, schema),
    () => sequenceStep(dice, schema),
    () => `SELECT pg_advisory_lock(${dice.below(5)})`,
    () => 'CREATE TEMP TABLE IF NOT EXISTS mine (id serial PRIMARY KEY, v text)',
    () => `ANALYZE ${name}`,
    () => 'SELECT FROM pg_class FOR SHARE LIMIT 0',
    () => `SELECT * FROM ${name} FOR UPDATE`,
  ])();
  if (dice.chance(0.05)) {
    const copied = table.columns.filter(
      ({ name: each }) => each === '"tag"' || each === '"rank"' || each === '"ID"',
    );
    const line = copied.map(({ type: each }, index) =>
      each === 'uuid' ? `00000000-0000-0000-0000-${String(first).padStart(12, '0')}` : String(first + index),
    );
    return {
      sql: `COPY ${name} (${copied.map(({ name: each }) => each).join(', ') || 'what'}) FROM STDIN`,
      copy: `${line.join('\t') || 'x'}\n`,
    };
  }
  return { sql };
}

function upsert(dice: Dice, table: RandomTable, name: string): string {
  if (table.key.length === 0) return insertSql(dice, table, name, 1, 2);
  const first = table.columns.find((column) => !column.fixed) ?? table.columns[0];
  return `${insertSql(dice, table, name, 1, 5)} ON CONFLICT (${table.key.join(', ')}) DO UPDATE SET ${first?.name} = EXCLUDED.${first?.name}`;
}

function keyUpdate(table: RandomTable, name: string, some: string): string {
  const key = table.columns.find((column) => column.name === table.key[0]);
  if (key === undefined || key.fixed || key.type !== 'int')
    return `UPDATE ${name} t SET "rank" = -"rank" WHERE ${some}`;
  return `UPDATE ${name} t SET ${key.name} = ${key.name} + 1000000 WHERE ${some}`;
}

function sequenceStep(dice: Dice, schema: RandomSchema): string {
  if (schema.sequences.length === 0) return `SELECT nextval('app.log_id_seq')`;
  const name = dice.one(schema.sequences);
  const literal = `E'${name.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return dice.one([
    `SELECT nextval(${literal}), nextval(${literal})`,
    `SELECT setval(${literal}, 9)`,
    `SELECT setval(${literal}, 9, false)`,
    `ALTER SEQUENCE ${name} RESTART`,
    `ALTER SEQUENCE ${name} RESTART WITH 8`,
  ]);
}

const limitSql = `DO $$BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 50', current_database()); END$$`;

/** What only superusers may do. */
function superuserStep(dice: Dice, schema: RandomSchema): Step {
  const { name } = dice.one(schema.tables);
  const sql = dice.one([
    'CREATE EXTENSION citext',
    `ALTER TABLE ${name} DISABLE TRIGGER ALL`,
    'ALTER EVENT TRIGGER postern_test_ddl DISABLE',
    'DROP EVENT TRIGGER postern_test_drop',
    `SET LOCAL event_triggers = off; CREATE TABLE app.hidden (id int)`,
    `SET LOCAL session_replication_role = replica; CREATE TABLE app.hidden (id int)`,
    limitSql,
  ]);
  return { sql, final: true };
}

function finalStep(dice: Dice, schema: RandomSchema): Step {
  const { name } = dice.one(schema.tables);
  const view = schema.views[0];
  const sql = dice.one([
    `ALTER TABLE ${name} ADD more int`,
    `ALTER TABLE ${name} ALTER "tag" SET DEFAULT 'x'`,
    `CREATE INDEX ON ${name} ("tag")`,
    `COMMENT ON TABLE ${name} IS 'changed'`,
    `GRANT SELECT ON ${name} TO PUBLIC`,
    `ALTER TABLE ${name} DISABLE TRIGGER USER`,
    `DROP TABLE ${name} CASCADE`,
    'CREATE TABLE app.more (id int)',
    `ALTER TYPE app.mood ADD VALUE 'late'`,
    `CREATE OR REPLACE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC',
    `CREATE POLICY later ON ${name} USING (true)`,
    `SELECT lo_from_bytea(0, 'x')`,
    'DROP TYPE app.mood CASCADE',
    limitSql,
    `BEGIN; DELETE FROM ${name}; PREPARE TRANSACTION 'chaos ${dice.below(1_000_000_000)}'`,
    ...(view === undefined
      ? []
      : [
          `INSERT INTO app.log (what) VALUES ('x'); REFRESH MATERIALIZED VIEW ${view}`,
          `INSERT INTO app.log (what) VALUES ('y'); REFRESH MATERIALIZED VIEW CONCURRENTLY ${view}`,
        ]),
  ]);
  return { sql, final: true };
}
