import assert from 'node:assert/strict';
import {
  type EngineSession,
  hashOf,
  type TestDatabases,
  type TestDatabasesOptions,
} from '../../src/index.ts';
import { connectTo, schema } from '../engine/plain-server.ts';

/** A crash of the server empties unlogged tables, and sets sequences of such tables back to their start. */
const unlogged = `
  CREATE UNLOGGED TABLE currency (code text PRIMARY KEY);
  CREATE UNLOGGED TABLE rate (id serial PRIMARY KEY, currency text REFERENCES currency, value numeric);
  INSERT INTO currency VALUES ('EUR'), ('USD');
  INSERT INTO rate (currency, value) VALUES ('EUR', 1), ('USD', 1.1);
  CREATE UNLOGGED TABLE visit (id serial);
  SELECT nextval('visit_id_seq')`;

export const migrations = [schema, unlogged] as const;

export function shopOptions(host: string, user: string): TestDatabasesOptions {
  return {
    connect: (database = 'postgres') => connectTo(host, user, database),
    name: 'shop',
    template: {
      hash: hashOf(...migrations),
      fill: async (session: EngineSession) => {
        for (const migration of migrations) await session.query(migration);
      },
    },
    workers: 2,
    sessionsPerWorker: 2,
  };
}

const look = `
  SELECT (SELECT count(*)::int FROM customer WHERE name = 'customer ' || id) AS customers,
         (SELECT count(*)::int FROM invoice) AS invoices,
         (SELECT string_agg(currency || ' ' || value, ', ' ORDER BY id) FROM rate) AS rates,
         (SELECT count(*)::int FROM visit) AS visits,
         nextval('visit_id_seq')::int AS visit,
         to_regclass('extra')::text AS extra`;

const pristine = {
  customers: 100,
  invoices: 0,
  rates: 'EUR 1, USD 1.1',
  visits: 0,
  visit: 2,
  extra: null,
};

/** Fails with an assertion when the database does not hold exactly what the template holds. Takes a number of a sequence. */
export async function expectPristine(host: string, user: string, name: string): Promise<void> {
  const client = await connectTo(host, user, name);
  try {
    assert.deepEqual((await client.query(look)).rows, [pristine], name);
  } finally {
    await client.end();
  }
}

/** A test file: takes a database, finds it pristine, leaves dirt of every kind in it, finds only its own, gives it back. */
export async function useDatabase(
  databases: TestDatabases,
  server: { readonly host: string; readonly user: string },
  file: { readonly worker: string; readonly round: number },
): Promise<void> {
  const { host, user } = server;
  const { name } = await databases.acquire({ key: file.worker });
  let client: Awaited<ReturnType<typeof connectTo>> | undefined;
  try {
    await expectPristine(host, user, name);
    client = await connectTo(host, user, name);
    const mine = `${file.worker}/${file.round}`;
    await client.query('INSERT INTO customer (name) SELECT $1 FROM generate_series(1, 3)', [mine]);
    await client.query(`DELETE FROM customer WHERE id < 10; UPDATE rate SET value = 0; INSERT INTO visit DEFAULT VALUES;
      INSERT INTO invoice (customer, amount) VALUES (20, 1)`);
    if (file.round % 4 === 3) await client.query('CREATE TABLE extra (id int)');
    const { rows } = await client.query(`SELECT array_agg(DISTINCT name) AS names, max(id) AS last,
      (SELECT array_agg(id) FROM invoice) AS invoices FROM customer WHERE id > 100`);
    assert.deepEqual(rows, [{ names: [mine], last: 103, invoices: [1] }], name);
  } finally {
    await client?.end().catch(() => undefined);
    databases.release(name);
  }
}
