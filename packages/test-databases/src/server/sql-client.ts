/** One open session. `pg.Client` is one. */
export interface SqlClient {
  // biome-ignore lint/suspicious/noExplicitAny: rows are whatever the query selects, as in pg
  query(text: string, values?: unknown[]): Promise<{ rows: any[]; rowCount?: number | null }>;
  end(): Promise<void>;
}

/** Opens a session in a database. The caller ends it. */
export type Connect = (database: string) => Promise<SqlClient>;

/** Runs `work` in one transaction of the session. */
export async function transaction<T>(session: SqlClient, work: () => Promise<T>): Promise<T> {
  await session.query('BEGIN');
  try {
    const result = await work();
    await session.query('COMMIT');
    return result;
  } catch (error) {
    // The first error is the one that tells; a session that cannot even roll back is broken and gets closed.
    await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** Opens a session, hands it to `work` and ends it whatever happens. */
export async function withSession<T>(
  connect: Connect,
  database: string,
  work: (session: SqlClient) => Promise<T>,
): Promise<T> {
  const session = await connect(database);
  try {
    return await work(session);
  } finally {
    await session.end().catch(() => undefined);
  }
}
