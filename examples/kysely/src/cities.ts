import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';

interface Database {
  cities: { name: string; inhabitants: number; country: string | null };
  countries: { code: string; name: string };
}

export const db = new Kysely<Database>({
  dialect: new PostgresDialect({ pool: new Pool({ connectionString: process.env['DATABASE_URL'] }) }),
});

/** Both or neither. */
export async function found(city: string, inhabitants: number, country: { code: string; name: string }): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('countries')
      .values(country)
      .onConflict((conflict) => conflict.column('code').doNothing())
      .execute();
    await transaction.insertInto('cities').values({ name: city, inhabitants, country: country.code }).execute();
  });
}

export async function inhabitantsOf(country: string): Promise<number> {
  const { sum } = await db
    .selectFrom('cities')
    .where('country', '=', country)
    .select((query) => query.fn.sum<string | null>('inhabitants').as('sum'))
    .executeTakeFirstOrThrow();
  return Number(sum ?? 0);
}
