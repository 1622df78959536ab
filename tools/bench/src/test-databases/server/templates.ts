import { installReset } from '@postern/test-databases/server';
import type { SampleSchema } from '../schema/sample-schema.ts';
import { bySocket, OWNER, RESETTER, type ServerAddress, withClient } from './bench-server.ts';

export interface Templates {
  /** As the migrations leave it: what the baselines clone. */
  readonly plain: string;
  /** With the reset machinery, analysed and warm: what ours clones. */
  readonly resettable: string;
}

/** Both templates of a schema. The machinery is installed by a master as on RDS, not by a superuser. */
export async function buildTemplates(address: ServerAddress, schema: SampleSchema): Promise<Templates> {
  const names = { plain: `tpl_plain_${idOf(schema)}`, resettable: `tpl_reset_${idOf(schema)}` };
  await createEmpty(address, names.plain);
  await migrate(address, names.plain, schema);
  await seal(address, names.plain);
  await createEmpty(address, names.resettable);
  await migrate(address, names.resettable, schema);
  await withClient(
    bySocket(address, { database: names.resettable, user: address.master }),
    async (master) => {
      const { resettable, reasons } = await installReset(master, { owner: OWNER, callers: [RESETTER] });
      if (!resettable) throw new Error(`The schema cannot be reset: ${reasons.join('; ')}`);
    },
  );
  await withClient(bySocket(address, { database: names.resettable }), (client) =>
    client.query('VACUUM (FREEZE, ANALYZE)'),
  );
  // A session after the last change of the catalogs: it leaves the relation cache file that FILE_COPY takes along.
  await withClient(bySocket(address, { database: names.resettable }), (client) => client.query('SELECT 1'));
  await seal(address, names.resettable);
  return names;
}

async function createEmpty(address: ServerAddress, name: string): Promise<void> {
  await withClient(bySocket(address, { database: 'postgres' }), (client) =>
    client.query(`CREATE DATABASE ${name} OWNER ${address.master} TEMPLATE template0`),
  );
  await withClient(bySocket(address, { database: name }), (client) =>
    client.query(`ALTER SCHEMA public OWNER TO ${OWNER}`),
  );
}

async function migrate(address: ServerAddress, name: string, schema: SampleSchema): Promise<void> {
  await withClient(bySocket(address, { database: name, user: OWNER }), async (client) => {
    for (const statement of schema.statements) await client.query(statement);
  });
}

async function seal(address: ServerAddress, name: string): Promise<void> {
  await withClient(bySocket(address, { database: 'postgres' }), (client) =>
    client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false IS_TEMPLATE true`),
  );
}

function idOf({ name }: SampleSchema): string {
  return name.replaceAll(/[^a-z0-9]/g, '_');
}
