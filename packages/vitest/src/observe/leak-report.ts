import type { SessionLeak } from './observed-session.ts';

const WHAT: Readonly<Record<SessionLeak['kind'], string>> = {
  transaction: 'is still in a transaction: COMMIT or ROLLBACK is missing',
  'failed-transaction': 'is still in a failed transaction: ROLLBACK is missing',
  'checked-out': 'was taken from its pool and not released',
  busy: 'is still running a statement that nobody awaited',
};

/** Leaks for people: one line each, and below it where it comes from. Empty without leaks. */
export function leakReport(leaks: readonly SessionLeak[]): string {
  return leaks
    .map((leak) => {
      const who = `A session of ${leak.role}${leak.pid === undefined ? '' : ` (pid ${leak.pid})`}`;
      const frames = leak.stack.map((frame) => `    at ${frame}`);
      if (frames.length === 0) frames.push('    (no code of this project was on the stack that opened it)');
      return [`${who} with ${leak.database} ${WHAT[leak.kind]}.`, ...frames].join('\n');
    })
    .join('\n');
}
