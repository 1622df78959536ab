import { withSession } from '@postern/test-databases/server';
import type { RequestOf } from '../contract/request.ts';
import type { AppliedStatement, PruneResult } from '../contract/response.ts';
import { isBootstrapError } from '../errors.ts';
import { applyGroups } from '../plan/apply.ts';
import { isClosedToUs } from '../plan/open-inside.ts';
import { flatten } from '../plan/plan.ts';
import { locked } from '../runtime/apply-lock.ts';
import { selectDatabases } from '../runtime/artefact.ts';
import type { Invocation } from '../runtime/invocation.ts';
import { readPruneCatalog } from './catalog.ts';
import { type PruneScope, planPrune, type Removal } from './plan-prune.ts';
import { rehearse } from './rehearse.ts';

/**
 * Drops the roles that were once made for the databases of the request and are declared no longer, and with `dropDatabases`
 * databases. Runs under the lock of `apply`. What is cut off is completed by the next prune.
 *
 * @throws BootstrapError `BOOTSTRAP_PRUNE_REFUSED` before anything is changed; `BOOTSTRAP_STATEMENT_FAILED` when a database
 * cannot be dropped. A role that cannot be dropped is kept as it was, and the answer tells why.
 */
export async function prune(request: RequestOf<'prune'>, invocation: Invocation): Promise<PruneResult> {
  const { manifest } = invocation.artefact;
  const scope: PruneScope = {
    declared: manifest.databases,
    selected: selectDatabases(manifest, request.databases).map(({ name }) => name),
    dropDatabases: request.dropDatabases ?? [],
    all: request.databases === undefined,
  };
  if (request.dryRun) {
    return await withSession(invocation.connect, 'postgres', async (session) => {
      const { removals, kept } = planPrune(scope, await readPruneCatalog(session, invocation.connect));
      const statements = flatten(removals.flatMap(({ groups }) => groups));
      return {
        statements: statements.map((statement) => ({ ...statement, durationMs: 0 })),
        dropped: droppedBy(removals),
        kept,
        dryRun: true,
      };
    });
  }
  return await locked(invocation, async (session) => {
    const plan = planPrune(scope, await readPruneCatalog(session, invocation.connect));
    const statements: AppliedStatement[] = [];
    const done: Removal[] = [];
    const kept = [...plan.kept];
    for (const removal of plan.removals) {
      const object = `${removal.kind} "${removal.name}"`;
      const gone: string[] = [];
      try {
        const obstacle = await rehearse(removal, invocation.connect);
        if (obstacle !== undefined) {
          kept.push({ object, why: obstacle });
          continue;
        }
        for (const group of removal.groups) {
          const run: AppliedStatement[] = [];
          await applyGroups(session, invocation.connect, [group], (statement) => run.push(statement));
          for (const statement of run) {
            statements.push(statement);
            invocation.progress({ event: 'statement', ...statement });
          }
          gone.push(group.database);
        }
        done.push(removal);
      } catch (error) {
        const reason = removal.required ? undefined : reasonToKeep(error);
        if (reason === undefined) throw error;
        // Only what has come up since the rehearsal.
        const lost = gone.map((database) => `"${database}"`).join(', ');
        const partly =
          removal.kind === 'role' && gone.length > 0
            ? `. It has lost its rights in ${lost} already, and its login: prune again, or declare it again and apply`
            : '';
        kept.push({ object, why: `${reason}${partly}` });
      }
    }
    return { statements, dropped: droppedBy(done), kept, dryRun: false };
  });
}

function droppedBy(removals: readonly Removal[]): PruneResult['dropped'] {
  const names = (kind: Removal['kind']): string[] =>
    removals.filter((removal) => removal.kind === kind).map(({ name }) => name);
  return { roles: names('role'), databases: names('database') };
}

/** What the server said against it; undefined when it is no answer of a server that goes on working. */
function reasonToKeep(error: unknown): string | undefined {
  // A database that lets nobody in, or not us.
  if (isClosedToUs(error)) return (error.cause as Error).message;
  if (!isBootstrapError(error) || error.code !== 'BOOTSTRAP_STATEMENT_FAILED') return undefined;
  // Connection lost, server out of something, server going down.
  if (/^(08|53|57|58)/.test(String(error.details['sqlState']))) return undefined;
  const { detail } = (error.cause ?? {}) as { detail?: string };
  return detail === undefined ? error.message : `${error.message}: ${detail.replaceAll('\n', ', ')}`;
}
