/** A schema with one of everything that resets have to get right. Names are chosen to hurt. */
export const everything = `
CREATE SCHEMA app;
CREATE SCHEMA "Säle & ""Mehr""";
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN app.positive AS int CHECK (VALUE > 0);
CREATE TYPE app.address AS (street text, number app.positive);
CREATE TABLE app.empty (id serial PRIMARY KEY, note text);
CREATE TABLE app.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE, mood app.mood DEFAULT 'ok',
  address app.address, tags text[], initial text GENERATED ALWAYS AS (left(name, 1)) STORED);
CREATE INDEX ON app.customers (lower(name)) WHERE mood = 'happy';
INSERT INTO app.customers (name, address, tags)
  SELECT 'customer ' || n, ROW('street', n::app.positive)::app.address, ARRAY['a', 'b' || n] FROM generate_series(1, 200) n;
CREATE TABLE app.orders (id bigserial PRIMARY KEY, customer int REFERENCES app.customers ON DELETE CASCADE ON UPDATE CASCADE,
  at timestamptz DEFAULT now(), total numeric CHECK (total >= 0));
INSERT INTO app.orders (customer, total) SELECT 1 + n % 50, n FROM generate_series(1, 500) n;
CREATE TABLE app.lines (order_id bigint REFERENCES app.orders ON DELETE CASCADE, n int, what text, PRIMARY KEY (order_id, n));
INSERT INTO app.lines SELECT n, 1, repeat('x', 50) FROM generate_series(1, 100) n;
CREATE TABLE app.no_key (a int, b text);
INSERT INTO app.no_key VALUES (1, 'one'), (1, 'one'), (2, NULL);
CREATE TABLE app.unlogged_seed (id int PRIMARY KEY, v text);
ALTER TABLE app.unlogged_seed SET UNLOGGED;
INSERT INTO app.unlogged_seed VALUES (1, 'kept'), (2, 'kept too');
CREATE TABLE app.parted (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE app.parted_eu PARTITION OF app.parted FOR VALUES IN ('eu');
CREATE TABLE app.parted_rest PARTITION OF app.parted DEFAULT PARTITION BY HASH (id);
CREATE TABLE app.parted_rest_0 PARTITION OF app.parted_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.parted_rest_1 PARTITION OF app.parted_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO app.parted SELECT n, CASE WHEN n % 2 = 0 THEN 'eu' ELSE 'us' END, 'seed' FROM generate_series(1, 40) n;
CREATE TABLE app.parted_ref (id int, region text, FOREIGN KEY (id, region) REFERENCES app.parted ON DELETE CASCADE);
INSERT INTO app.parted_ref SELECT id, region FROM app.parted LIMIT 10;
CREATE TABLE app.parent (id int, v text);
CREATE TABLE app.child (extra int) INHERITS (app.parent);
CREATE TABLE app.grandchild () INHERITS (app.child);
INSERT INTO app.parent VALUES (1, 'p'); INSERT INTO app.child VALUES (2, 'c', 2); INSERT INTO app.grandchild VALUES (3, 'g', 3);
CREATE TABLE app.ranks (id int PRIMARY KEY, rank int UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO app.ranks SELECT n, n FROM generate_series(1, 5) n;
CREATE TABLE app.left_of (id int PRIMARY KEY, other int);
CREATE TABLE app.right_of (id int PRIMARY KEY, other int REFERENCES app.left_of DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE app.left_of ADD FOREIGN KEY (other) REFERENCES app.right_of DEFERRABLE INITIALLY DEFERRED;
BEGIN; INSERT INTO app.left_of VALUES (1, 1); INSERT INTO app.right_of VALUES (1, 1); COMMIT;
CREATE TABLE app.bookings (during int4range, EXCLUDE USING gist (during WITH &&));
INSERT INTO app.bookings VALUES ('[1,5)'), ('[5,9)');
CREATE TABLE app.secret (id int PRIMARY KEY, who text);
INSERT INTO app.secret SELECT n, 'somebody' FROM generate_series(1, 20) n;
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.secret FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.secret USING (who = current_user) WITH CHECK (true);
CREATE TABLE app.big_values (id int PRIMARY KEY, v text);
ALTER TABLE app.big_values ALTER v SET STORAGE EXTERNAL;
INSERT INTO app.big_values SELECT n, repeat(n::text, 20000) FROM generate_series(1, 5) n;
CREATE TABLE app.audit (id serial, what text);
CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  INSERT INTO app.audit (what) VALUES (tg_table_name || ' ' || tg_op); RETURN NULL; END$$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.note();
CREATE TABLE app.ruled (id int PRIMARY KEY, gone bool DEFAULT false);
INSERT INTO app.ruled VALUES (1), (2), (3);
CREATE RULE keep AS ON DELETE TO app.ruled DO INSTEAD UPDATE app.ruled SET gone = true WHERE id = OLD.id;
CREATE VIEW app.customer_names AS SELECT id, name FROM app.customers;
CREATE FUNCTION app.rename() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  UPDATE app.customers SET name = NEW.name WHERE id = OLD.id; RETURN NEW; END$$;
CREATE TRIGGER rename INSTEAD OF UPDATE ON app.customer_names FOR EACH ROW EXECUTE FUNCTION app.rename();
CREATE MATERIALIZED VIEW app.totals AS SELECT customer, sum(total) AS total FROM app.orders GROUP BY customer;
CREATE UNIQUE INDEX ON app.totals (customer);
CREATE TABLE "Säle & ""Mehr"""."Größe's \\" ("PRIMARY" text COLLATE "C" PRIMARY KEY, "sel'ect" jsonb, "a""b" int[]);
INSERT INTO "Säle & ""Mehr"""."Größe's \\" VALUES ('ä', '{"a": 1}', '{1,2}'), ('Ä', 'null', NULL);
CREATE SEQUENCE "Säle & ""Mehr"""."Folge's";
CREATE SEQUENCE app.cached CACHE 20 START 100;
CREATE SEQUENCE app.down INCREMENT -3 MINVALUE -1000 MAXVALUE 10 CYCLE;
CREATE SEQUENCE app.next_is_seven; SELECT setval('app.next_is_seven', 7, false);
CREATE SEQUENCE app.used; SELECT nextval('app.used');
CREATE TABLE app.toast_only (id int PRIMARY KEY, doc jsonb);
CREATE TABLE app.nothing ();
GRANT USAGE ON SCHEMA app TO shop_app;
GRANT ALL ON ALL TABLES IN SCHEMA app TO shop_app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO shop_app;
`;
