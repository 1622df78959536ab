/** Seam until the parts of issue 4 have landed; goes away then. */
import type { Connect, SqlClient } from '@postern/test-databases/server';
import type { ManifestDatabase } from '../contract/manifest.ts';
import type { AppliedStatement, DriftItem, RoleStatus } from '../contract/response.ts';
import * as migrateModule from '../migrate/migrate.ts';
import * as applyModule from '../plan/apply.ts';
import type { Snapshot } from '../plan/plan.ts';
import type { PlanGroup, Statement } from '../plan/statement.ts';

export interface MigrationRun {
  readonly database: string;
  readonly folder: string;
  readonly definition: Pick<ManifestDatabase, 'engine' | 'migrations' | 'migratorModule'>;
  readonly lockTimeoutMs: number;
  readonly timeouts?: { readonly lockMs?: number; readonly statementMs?: number };
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly stop?: () => boolean;
  readonly onProgress?: (event: MigrationEvent) => void;
}
export type MigrationEvent =
  | {
      readonly event: 'migration';
      readonly name: string;
      readonly state: 'started' | 'applied' | 'reverted';
      readonly durationMs?: number;
    }
  | {
      readonly event: 'notice';
      readonly migration: string;
      readonly severity: string;
      readonly message: string;
    };
interface Outcome {
  readonly applied: string[];
  readonly notices: { readonly migration: string; readonly message: string }[];
  readonly pending: string[];
}

export async function runMigrations(session: SqlClient, run: MigrationRun): Promise<Outcome> {
  const old = { ...run, migrations: run.definition.migrations };
  const outcome = (await migrateModule.runMigrations(session, old as never)) as unknown;
  if (!Array.isArray(outcome)) return outcome as Outcome;
  for (const name of outcome) run.onProgress?.({ event: 'migration', name, state: 'applied' });
  return { applied: outcome, notices: [], pending: [] };
}

const notYet = (): never => {
  throw new Error('not landed yet');
};
export const revertMigrations: (
  session: SqlClient,
  run: MigrationRun & { readonly count: number },
) => Promise<{ reverted: string[]; done: boolean }> = notYet;
export const fakeMigrations: (session: SqlClient, run: MigrationRun) => Promise<string[]> = notYet;
export const findDrift: (
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  options: { testDatabases: boolean },
) => DriftItem[] = () => [];
export const roleStatus: (
  databases: readonly ManifestDatabase[],
  snapshot: Snapshot,
  options: { testDatabases: boolean },
) => RoleStatus[] = () => [];

export async function applyGroups(
  session: SqlClient,
  connect: Connect,
  groups: readonly PlanGroup[],
  onStatement: (statement: AppliedStatement) => void,
): Promise<void> {
  const either = (first: PlanGroup | AppliedStatement, second?: Statement): void =>
    onStatement(
      second === undefined
        ? (first as AppliedStatement)
        : {
            group: (first as PlanGroup).title,
            database: first.database,
            sql: second.sql,
            why: second.why,
            durationMs: 0,
          },
    );
  await applyModule.applyGroups(session, connect, groups, either as never);
}
