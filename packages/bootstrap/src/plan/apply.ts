import { setTimeout as delay } from 'node:timers/promises';
import { type Connect, type SqlClient, transaction, withSession } from '@postern/test-databases/server';
import type { AppliedStatement } from '../contract/response.ts';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import { assertNotLockedOut, verifyLogin, withoutSelfGrant } from './lockout.ts';
import { listenToNotices } from './notices.ts';
import { openInside } from './open-inside.ts';
import type { PlanGroup, Statement } from './statement.ts';

/** How often a group is tried that somebody else's change of the same roles got in the way of. */
const attempts = 5;

/**
 * Runs the groups in order, each in one transaction where PostgreSQL allows. A group that grants memberships
 * is checked before its commit and by a second login after it, while this session stays open to undo it.
 *
 * `onStatement` hears of a statement when it is certain to stay: after the commit of its group. Errors carry what was done
 * before them in `details.done`.
 */
export async function applyGroups(
  session: SqlClient,
  connect: Connect,
  groups: readonly PlanGroup[],
  onStatement: (statement: AppliedStatement) => void,
): Promise<void> {
  const done: { group: string; sql: string }[] = [];
  const keep = (statement: AppliedStatement): void => {
    done.push({ group: statement.group, sql: statement.sql });
    onStatement(statement);
  };
  try {
    const left: Waiting[] = [];
    for (const [first, ...more] of runs(groups)) {
      if (first.database === 'postgres') {
        await applyGroup(session, first, keep);
        if (first.guarded) await verifyLogin(session, connect, first);
        continue;
      }
      await withSession(openInside(connect), first.database, async (inner) => {
        const due = first.again ? await first.again(inner) : [first, ...more];
        left.push(...(await applyPatiently(inner, due, keep)));
        for (const group of due) {
          if (group.patient === undefined && group.statements.length > 0)
            await applyGroup(inner, group, keep);
        }
      });
    }
    if (left.length > 0) throw stillBusy(left);
  } catch (error) {
    if (!isBootstrapError(error)) throw error;
    const { code, message, kind, hint, details, cause } = error;
    throw new BootstrapError(code, message, {
      kind,
      ...(hint === undefined ? {} : { hint }),
      details: { ...details, done },
      cause,
    });
  }
}

/** What runs in one session: groups that follow each other inside one database; each for itself those that are for the cluster. */
function runs(groups: readonly PlanGroup[]): [PlanGroup, ...PlanGroup[]][] {
  const found: [PlanGroup, ...PlanGroup[]][] = [];
  for (const group of groups) {
    const last = found.at(-1);
    const together = last && last[0].database === group.database && !last[0].again && !group.again;
    if (together && group.database !== 'postgres') last.push(group);
    else found.push([group]);
  }
  return found;
}

/** How often it goes over what was busy, and after how many refusals in one go: an export may hold every table for hours. */
const rounds = 3;
const refusalsPerRound = 10;

interface Waiting {
  readonly group: PlanGroup;
  /** Whether the last try was refused; otherwise it had no turn. */
  readonly busy: boolean;
}

/** Hands over what can be had, in transactions of their own; gives what could not. */
async function applyPatiently(
  session: SqlClient,
  groups: readonly PlanGroup[],
  keep: (statement: AppliedStatement) => void,
): Promise<Waiting[]> {
  let waiting: Waiting[] = groups
    .filter(({ patient }) => patient !== undefined)
    .map((group) => ({ group, busy: false }));
  for (let round = 1; round <= rounds && waiting.length > 0; round++) {
    if (round > 1) await delay(500);
    const refused: Waiting[] = [];
    const queue = [...waiting];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      try {
        await applyGroup(session, next.group, keep);
      } catch (error) {
        const state = isBootstrapError(error) ? error.details['sqlState'] : undefined;
        if (state !== '55P03' && state !== '40P01') throw error;
        refused.push({ group: next.group, busy: true });
        if (refused.length === refusalsPerRound) break;
      }
    }
    // Next time those first that had no turn.
    waiting = [...queue, ...refused];
  }
  return waiting;
}

function stillBusy(left: readonly Waiting[]): BootstrapError {
  const named = (list: readonly Waiting[], most: number): string[] =>
    list.slice(0, most).map(({ group }) => `${group.database}.${group.patient}`);
  const [{ title = '', database = '' } = {}] = left.map(({ group }) => group);
  const busy = named(
    left.filter((waiting) => waiting.busy),
    10,
  );
  return new BootstrapError(
    'BOOTSTRAP_STATEMENT_FAILED',
    `${title}: ${left.length} left to do, because other sessions hold ${busy.join(', ')}`,
    {
      hint: 'Everything else was done and stays. The next apply goes on with these: run it when the sessions that hold them (pg_locks) are done, or at a quieter time.',
      details: { group: title, database, sqlState: '55P03', left: named(left, 100), count: left.length },
    },
  );
}

async function applyGroup(
  session: SqlClient,
  group: PlanGroup,
  keep: (statement: AppliedStatement) => void,
): Promise<void> {
  if (!group.transaction) {
    for (const statement of group.statements) {
      keep(await persist((remarks) => runStatement(session, group, statement, remarks)));
    }
    return;
  }
  const applied = await persist((remarks) =>
    transaction(session, async () => {
      if (group.guarded) await withoutSelfGrant(session);
      if (group.lockTimeoutMs !== undefined) {
        await session.query(`SELECT set_config('lock_timeout', $1, true)`, [`${group.lockTimeoutMs}ms`]);
      }
      const results: AppliedStatement[] = [];
      for (const [index, statement] of group.statements.entries()) {
        results.push(await runStatement(session, group, statement, index === 0 ? remarks : []));
      }
      if (group.guarded) await assertNotLockedOut(session);
      return results;
    }),
  );
  applied.forEach(keep);
}

/**
 * Other tools may change the same roles at the same time. What PostgreSQL refuses for that reason alone is tried again,
 * with a remark that ends up in the outcome.
 */
async function persist<T>(work: (remarks: readonly string[]) => Promise<T>): Promise<T> {
  const remarks: string[] = [];
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(remarks);
    } catch (error) {
      const cause = isBootstrapError(error) ? error.cause : error;
      if (attempt === attempts || !isInTheWay(cause)) throw error;
      remarks.push(`attempt ${attempt} of ${attempts} failed: ${(cause as Error).message}`);
      await delay(20 * 2 ** attempt * (1 + Math.random()));
    }
  }
}

/**
 * serialization_failure, deadlock_detected, and what writers of system catalogs meet: `tuple concurrently updated`, which
 * has no SQLSTATE of its own, or a row of a catalog that the other one has inserted first.
 */
function isInTheWay(error: unknown): boolean {
  const {
    code,
    message = '',
    schema,
  } = (error ?? {}) as { code?: string; message?: string; schema?: string };
  return (
    code === '40001' ||
    code === '40P01' ||
    (code === 'XX000' && /tuple concurrently (updated|deleted)/.test(message)) ||
    (code === '23505' && schema === 'pg_catalog')
  );
}

async function runStatement(
  session: SqlClient,
  group: PlanGroup,
  { sql, why }: Statement,
  remarks: readonly string[],
): Promise<AppliedStatement> {
  const heard = listenToNotices(session);
  const start = performance.now();
  try {
    await session.query(sql);
    const notices = [...remarks, ...heard.notices];
    return {
      group: group.title,
      database: group.database,
      sql,
      why,
      durationMs: Math.round((performance.now() - start) * 10) / 10,
      ...(notices.length > 0 ? { notices } : {}),
    };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code === undefined) throw error;
    throw new BootstrapError(
      'BOOTSTRAP_STATEMENT_FAILED',
      `${group.title}: ${message} (${code}) in: ${sql}`,
      {
        hint: hintFor(group, code, message),
        details: {
          group: group.title,
          database: group.database,
          sql,
          sqlState: code,
          ...(remarks.length > 0 ? { remarks } : {}),
        },
        cause: error,
      },
    );
  } finally {
    heard.stop();
  }
}

function hintFor(group: PlanGroup, code: string, message = ''): string {
  const kept = group.transaction ? 'Nothing of this group was kept. ' : '';
  if (code === '55P03') {
    return `${kept}Another session held a lock for longer than ${group.lockTimeoutMs} ms: run it again when that is done, or at a quieter time.`;
  }
  if (code === '2BP01') {
    return `${kept}Somebody handed the privilege on: run the statement with CASCADE, or have it taken back first, then apply again.`;
  }
  if (/permission denied to set parameter/.test(message)) {
    return `${kept}Only a superuser may keep this setting for a role or database: take it out of the declaration, and have the application SET it when it connects.`;
  }
  return `${kept}Correct the cause and apply again: what was done before stays and is not repeated.`;
}
