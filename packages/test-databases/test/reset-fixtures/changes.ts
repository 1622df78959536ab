import { app, type By, owner } from './cluster.ts';

export interface Change {
  readonly sql: string;
  /** Default: the owner. */
  readonly as?: string;
}

export interface Refused extends Change {
  /** Default: ddl. */
  readonly reason?: string;
  /** What is left after the change beside objects of the database, taken back by a superuser. */
  readonly undo?: string;
  /** In templates prepared so. Default: both. */
  readonly by?: By;
}

const here = (sql: string): string =>
  `DO $do$BEGIN EXECUTE format($sql$${sql}$sql$, current_database()); END$do$`;

const odd = `"Säle & ""Mehr"""."Größe's \\"`;

/** What tests do to the database of `everything.ts` and a reset undoes. */
export const undone: Readonly<Record<string, Change>> = {
  'nothing at all': { sql: 'SELECT 1' },
  'rows in an empty table, and its sequence': {
    sql: `INSERT INTO app.empty (note) SELECT 'x' FROM generate_series(1, 300)`,
  },
  'many rows in an empty table': {
    sql: `INSERT INTO app.empty (note) SELECT repeat('x', 500) FROM generate_series(1, 5000)`,
  },
  'many rows in a table with seeds': {
    sql: `INSERT INTO app.no_key SELECT n, repeat('x', 100) FROM generate_series(1, 9000) n; DELETE FROM app.no_key WHERE b = 'one'`,
  },
  'an update of every seed row': {
    sql: `UPDATE app.no_key SET a = a; UPDATE app.lines SET what = upper(what)`,
  },
  'a changed primary key': {
    sql: `UPDATE app.customers SET name = 'x' WHERE id = 3; DELETE FROM app.lines; UPDATE app.orders SET id = id + 1000`,
  },
  'a swap of two primary keys': {
    sql: `UPDATE app.left_of SET id = 2; UPDATE app.left_of SET other = NULL; UPDATE app.right_of SET other = NULL`,
  },
  'a delete that cascades over two foreign keys': { sql: 'DELETE FROM app.customers WHERE id < 20', as: app },
  'an update that cascades': { sql: 'UPDATE app.customers SET id = DEFAULT WHERE id = 7', as: app },
  'TRUNCATE CASCADE RESTART IDENTITY': { sql: 'TRUNCATE app.customers RESTART IDENTITY CASCADE' },
  'TRUNCATE of everything': {
    sql: 'TRUNCATE app.parted, app.parted_ref, app.parent, app.no_key, app.big_values, app.secret CASCADE',
  },
  'rows without a key, changed and doubled': {
    sql: `INSERT INTO app.no_key VALUES (1, 'one'); DELETE FROM app.no_key WHERE b IS NULL`,
  },
  'rows of partitions, through the table at the top': {
    sql: `DELETE FROM app.parted WHERE id < 9; INSERT INTO app.parted VALUES (99, 'mars', 'x')`,
  },
  'rows that move between partitions': {
    sql: `UPDATE app.parted SET region = 'us' WHERE region = 'eu' AND id > 20`,
  },
  'rows of one partition': {
    sql: `UPDATE app.parted_rest_0 SET v = 'changed'; DELETE FROM app.parted_rest_1`,
    as: owner,
  },
  'rows of children, through the parent': {
    sql: `UPDATE app.parent SET v = v || '!'; DELETE FROM app.parent WHERE id = 3`,
  },
  'rows of a child': { sql: `INSERT INTO app.child VALUES (4, 'c', 4); TRUNCATE app.child` },
  'deferred constraints': {
    sql: 'BEGIN; UPDATE app.ranks SET rank = 6 - rank; DELETE FROM app.ranks WHERE id = 2; COMMIT',
  },
  'an exclusion constraint': {
    sql: `UPDATE app.bookings SET during = int4range(lower(during) + 20, upper(during) + 20)`,
  },
  'rows behind policies': {
    sql: `INSERT INTO app.secret VALUES (100, current_user); DELETE FROM app.secret`,
    as: app,
  },
  'rows that forced policies hide from their owner': {
    sql: `INSERT INTO app.secret VALUES (101, 'x'); TRUNCATE app.secret`,
  },
  'large values': {
    sql: `UPDATE app.big_values SET v = v || 'x' WHERE id < 3; DELETE FROM app.big_values WHERE id = 4; INSERT INTO app.toast_only SELECT 1, jsonb_agg(n) FROM generate_series(1, 9999) n`,
  },
  'enums, composites, arrays and generated columns': {
    sql: `UPDATE app.customers SET mood = 'happy', address = ROW('x', 9)::app.address, tags = '{}' WHERE id = 1; INSERT INTO app.customers (name) VALUES ('new')`,
  },
  'what a trigger writes elsewhere': { sql: 'UPDATE app.orders SET total = 1 WHERE id = 1', as: app },
  'what a rule turns into something else': { sql: 'DELETE FROM app.ruled WHERE id = 2', as: app },
  'what a view writes by its trigger': { sql: `UPDATE app.customer_names SET name = 'renamed' WHERE id = 2` },
  MERGE: {
    sql: `MERGE INTO app.ranks r USING (VALUES (1, 50), (7, 70)) v (id, rank) ON r.id = v.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.rank)`,
  },
  'ON CONFLICT': {
    sql: `INSERT INTO app.lines VALUES (1, 1, 'y'), (1, 9, 'z') ON CONFLICT (order_id, n) DO UPDATE SET what = 'twice'`,
  },
  'writes of a WITH': {
    sql: `WITH gone AS (DELETE FROM app.lines RETURNING *) INSERT INTO app.empty (note) SELECT what FROM gone`,
  },
  'writes with triggers switched off': {
    sql: `SET session_replication_role = replica; DELETE FROM app.customers; INSERT INTO app.audit (what) VALUES ('x')`,
    as: 'rdsadmin',
  },
  'names that need quotes': {
    sql: `UPDATE ${odd} SET "sel'ect" = '1', "PRIMARY" = "PRIMARY" || 'x'; SELECT nextval('"Säle & ""Mehr"""."Folge''s"')`,
  },
  'sequences touched alone': {
    sql: `SELECT nextval('app.cached'), nextval('app.down'), nextval('app.used')`,
  },
  'sequences set without being called': {
    sql: `SELECT setval('app.used', 1, false), setval('app.next_is_seven', 7, true), setval('app.down', -5, false)`,
  },
  'a sequence started anew': {
    sql: 'ALTER SEQUENCE app.used RESTART; ALTER SEQUENCE app.customers_id_seq RESTART WITH 5',
  },
  'rows without columns': { sql: 'INSERT INTO app.nothing DEFAULT VALUES' },
  'an unlogged table': { sql: 'TRUNCATE app.unlogged_seed' },
  'rolled back DDL': { sql: 'BEGIN; DROP TABLE app.customers CASCADE; ROLLBACK' },
  'temporary tables of a session that is over': {
    sql: 'CREATE TEMP TABLE t (id serial PRIMARY KEY); INSERT INTO t VALUES (1)',
  },
  'statistics and vacuum': { sql: 'VACUUM ANALYZE app.orders' },
};

/** What a reset does not undo, with the reason that it gives. */
export const refused: Readonly<Record<string, Refused>> = {
  'CREATE TABLE': { sql: 'CREATE TABLE app.more (id int)' },
  'a table of the same name': { sql: 'DROP TABLE app.nothing; CREATE TABLE app.nothing ()' },
  'DROP TABLE': { sql: 'DROP TABLE app.bookings' },
  'ADD COLUMN': { sql: 'ALTER TABLE app.no_key ADD c int' },
  'a column default': { sql: 'ALTER TABLE app.no_key ALTER a SET DEFAULT 1' },
  'a constraint': { sql: 'ALTER TABLE app.no_key ADD CHECK (a > 0)' },
  'an index': { sql: 'CREATE INDEX ON app.no_key (a)' },
  'a policy': { sql: 'CREATE POLICY other ON app.secret USING (true)' },
  'row security': { sql: 'ALTER TABLE app.no_key ENABLE ROW LEVEL SECURITY' },
  'a grant on a table': { sql: `GRANT SELECT ON app.no_key TO pt_lease` },
  'a grant on a column': { sql: `GRANT SELECT (a) ON app.no_key TO pt_lease` },
  'a grant on schema public': { sql: 'GRANT USAGE ON SCHEMA public TO pt_lease' },
  'default privileges': { sql: 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pt_lease' },
  'a comment': { sql: `COMMENT ON TABLE app.no_key IS 'x'` },
  'a comment on schema public': { sql: `COMMENT ON SCHEMA public IS 'x'` },
  'a comment on the database': {
    sql: here(`COMMENT ON DATABASE %I IS 'x'`),
    undo: here('COMMENT ON DATABASE %I IS NULL'),
  },
  'ALTER DATABASE SET': {
    sql: here('ALTER DATABASE %I SET work_mem = 99'),
    undo: here('ALTER DATABASE %I RESET ALL'),
  },
  'a limit of connections': {
    sql: here('ALTER DATABASE %I CONNECTION LIMIT 0'),
    undo: here('ALTER DATABASE %I CONNECTION LIMIT -1'),
  },
  'rights on the database': {
    sql: here('REVOKE CONNECT ON DATABASE %I FROM PUBLIC'),
    undo: here('GRANT CONNECT ON DATABASE %I TO PUBLIC'),
  },
  'an event trigger': {
    sql: `CREATE FUNCTION app.guard() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER guard ON ddl_command_start EXECUTE FUNCTION app.guard()`,
    as: 'rdsadmin',
  },
  'our event triggers switched off': {
    sql: 'ALTER EVENT TRIGGER postern_test_ddl DISABLE; ALTER EVENT TRIGGER postern_test_drop DISABLE',
    as: 'rdsadmin',
    undo: 'ALTER EVENT TRIGGER postern_test_ddl ENABLE ALWAYS; ALTER EVENT TRIGGER postern_test_drop ENABLE ALWAYS',
    by: 'superuser',
  },
  'a table made while event triggers were off': {
    sql: `DO $$BEGIN
      IF current_setting('server_version_num')::int >= 170000 THEN PERFORM set_config('event_triggers', 'off', true); END IF;
      CREATE TABLE app.hidden (id int); END$$`,
    as: 'rdsadmin',
  },
  'a replication slot': {
    sql: `SELECT pg_create_logical_replication_slot('later', 'pgoutput')`,
    as: 'rdsadmin',
    undo: `SELECT pg_drop_replication_slot('later')`,
  },
  'a function': { sql: 'CREATE FUNCTION app.f() RETURNS int LANGUAGE sql RETURN 1' },
  'a function replaced': {
    sql: `CREATE OR REPLACE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
  },
  'an enum value': { sql: `ALTER TYPE app.mood ADD VALUE 'furious'` },
  'a domain': { sql: 'ALTER DOMAIN app.positive SET DEFAULT 1' },
  'a view': {
    sql: 'CREATE OR REPLACE VIEW app.customer_names AS SELECT id, upper(name) AS name FROM app.customers',
  },
  'a trigger switched off': { sql: 'ALTER TABLE app.orders DISABLE TRIGGER note' },
  'our trigger switched off': { sql: 'ALTER TABLE app.orders DISABLE TRIGGER ALL', as: 'rdsadmin' },
  'a change with triggers switched off': {
    sql: 'SET session_replication_role = replica; ALTER TABLE app.no_key ADD d int',
    as: 'rdsadmin',
  },
  'a rule': { sql: 'DROP RULE keep ON app.ruled' },
  'an inheritance': { sql: 'ALTER TABLE app.grandchild NO INHERIT app.child' },
  'a renamed schema': {
    sql: 'ALTER SCHEMA app RENAME TO app2',
    undo: 'ALTER SCHEMA app2 RENAME TO app',
  },
  'a new schema': { sql: 'CREATE SCHEMA more' },
  'a sequence changed': { sql: 'ALTER SEQUENCE app.used INCREMENT 5' },
  'the owner of a sequence changed': { sql: 'ALTER SEQUENCE app.used OWNED BY app.no_key.a' },
  'statistics objects': { sql: 'CREATE STATISTICS app.st ON a, b FROM app.no_key' },
  'an extension': { sql: 'CREATE EXTENSION citext', as: 'rdsadmin' },
  'a publication': { sql: 'CREATE PUBLICATION p FOR TABLE app.no_key' },
  'a refreshed materialised view': {
    sql: 'UPDATE app.orders SET total = total + 1; REFRESH MATERIALIZED VIEW app.totals',
    reason: 'materialised-view',
  },
  'one refreshed CONCURRENTLY': {
    sql: 'UPDATE app.orders SET total = total + 1 WHERE id = 5; REFRESH MATERIALIZED VIEW CONCURRENTLY app.totals',
    reason: 'materialised-view',
  },
  'a large object': {
    sql: `SELECT lo_from_bytea(0, 'x')`,
    reason: 'large-objects',
    undo: 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata',
  },
  'a prepared transaction': {
    sql: `BEGIN; INSERT INTO app.no_key VALUES (9); PREPARE TRANSACTION 'waiting'`,
    reason: 'prepared-transactions',
    undo: `ROLLBACK PREPARED 'waiting'`,
  },
  'a type dropped of which rows were seeded': {
    sql: 'ALTER TABLE app.customers DROP address; DROP TYPE app.address; DROP DOMAIN app.positive',
  },
};
