import type { LeaseReport } from './database-lease.ts';
import type { DatabaseSlot } from './database-slot.ts';
import { PosternVitestError } from './errors.ts';
import { leakReport } from './observe/leak-report.ts';
import type { SessionLeak } from './observe/observed-session.ts';
import type { TestSettings } from './options.ts';
import type { PosternKept } from './reporter/meta.ts';
import { say } from './say.ts';
import { addMeta, countersMeta, type RunningFile } from './task-meta.ts';
import type { WorkerSession } from './worker-session.ts';

/**
 * Gives a shared database up and tells what was found, if this was its last user.
 *
 * @throws PosternVitestError `VITEST_SESSION_LEAKED`
 */
export async function endShared(
  worker: WorkerSession,
  slot: DatabaseSlot,
  giveUp: () => Promise<LeaseReport | undefined>,
): Promise<void> {
  const report = await giveUp();
  const lease = slot.opened;
  if (report === undefined || lease === undefined) return;
  const rest = worker.count();
  if (rest !== undefined && slot.file !== undefined)
    addMeta(slot.file, countersMeta(rest, worker.observer?.takeConnects()));
  reportEnd(report, slot.leaks, slot.file);
}

/**
 * Tells what the end of a database has found: to people on stderr, to the reporter in the meta of the test or file.
 *
 * @throws PosternVitestError `VITEST_SESSION_LEAKED`
 */
export function reportEnd(
  { leaks, kept, notKept, span }: LeaseReport,
  mode: TestSettings['leaks'],
  to: RunningFile | undefined,
): void {
  if (to !== undefined) addMeta(to, { spans: [span], ...(kept === undefined ? {} : { kept }) });
  if (kept !== undefined) say(keptLine(kept));
  if (notKept !== undefined) say(`database ${notKept} is not kept: three of this run are, and more are not`);
  noteLeaks(leaks, mode, to);
}

export function noteLeaks(
  leaks: readonly SessionLeak[],
  mode: TestSettings['leaks'],
  to: RunningFile | undefined,
): void {
  if (leaks.length === 0) return;
  if (to !== undefined) {
    addMeta(to, {
      leaks: leaks.map(({ kind, pid, role, stack }) => ({
        kind,
        role,
        stack,
        ...(pid === undefined ? {} : { pid }),
      })),
    });
  }
  const report = leakReport(leaks);
  if (mode === 'report') {
    say(report);
    return;
  }
  const error = new PosternVitestError('VITEST_SESSION_LEAKED', {
    kind: 'conflict',
    message: report,
    hint: "End transactions and release clients, also when a test fails. With leaks: 'report' this is a line and no failure.",
  });
  error.stack = `${error.name}: ${report}`;
  throw error;
}

function keptLine({ database, until, open }: PosternKept): string {
  const minutes = until === undefined ? 10 : Math.max(1, Math.round((until - Date.now()) / 60_000));
  return `database ${database} is kept for ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}: ${open}`;
}
