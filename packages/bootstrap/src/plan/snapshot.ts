import {
  type Connect,
  maintenanceDatabase,
  readLedgerVersion,
  type SqlClient,
  withSession,
} from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import { readCluster } from './catalog.ts';
import { type DriftCatalog, readBeyond } from './drift-catalog.ts';
import { type InnerCatalog, readInner } from './inner-catalog.ts';
import { isClosedToUs, openInside } from './open-inside.ts';
import type { Snapshot } from './plan.ts';
import { iamRole } from './role-plan.ts';
import { rolesOf } from './roles.ts';

export interface SnapshotOptions {
  readonly testDatabases: boolean;
  /** All databases of the artefact. Default: `databases`. */
  readonly declared?: readonly ManifestDatabase[];
  /** Also what `findDrift` needs: one more query per database. Default false. */
  readonly drift?: boolean;
  /** Called with the session of each existing database, for more to be read in it. */
  readonly inner?: (name: string, session: SqlClient) => Promise<void>;
}

/** Reads what a plan needs: one query for the cluster, one session with one query for each existing database, a few at a time. */
export async function readSnapshot(
  session: SqlClient,
  connect: Connect,
  databases: readonly ManifestDatabase[],
  options: SnapshotOptions,
): Promise<Snapshot> {
  const { testDatabases, declared = databases } = options;
  const roles = new Set([iamRole, ...declared.flatMap((database) => rolesOf(database, testDatabases))]);
  const cluster = await readCluster(
    session,
    [...roles],
    [...databases.map(({ name }) => name), maintenanceDatabase],
    databases.flatMap((database) => database.options.encoding ?? []),
  );
  const open = (name: string): boolean =>
    cluster.databases.some((database) => database.name === name && database.allowsConnections);
  const inside: Record<string, InnerCatalog> = {};
  const unreadable: Record<string, string> = {};
  const beyond: Record<string, DriftCatalog> = {};
  await eachOf(databases, async (database) => {
    const { name } = database;
    if (!open(name)) return;
    await withSession(openInside(connect), name, async (inner) => {
      inside[name] = await readInner(inner, database.owner, database.schemas);
      if (options.drift) beyond[name] = await readBeyond(inner, database.owner, database.schemas);
      await options.inner?.(name, inner);
    }).catch((error: unknown) => {
      if (!isClosedToUs(error)) throw error;
      unreadable[name] = error.message;
    });
  });
  const ledger =
    testDatabases && open(maintenanceDatabase)
      ? await withSession(connect, maintenanceDatabase, readLedgerVersion)
      : 0;
  return { cluster, declared, inside, unreadable, ...(options.drift ? { beyond } : {}), ledger };
}

/** How many databases are looked at at a time: most of it is waiting, and every session takes a slot of the server. */
const sessions = 4;

/** All of what was begun is over when it fulfils or rejects. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      await work(item).catch((error: unknown) => {
        left.length = 0;
        throw error;
      });
    }
  };
  const results = await Promise.allSettled(Array.from({ length: sessions }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
