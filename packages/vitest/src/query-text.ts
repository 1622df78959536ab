import type { QueryLog } from './observe/wire-log.ts';

/** As many as a person reads. */
const MOST_STATEMENTS = 50;

/** The statements of a failed test for people, last ones last. */
export function queryText({ entries, dropped }: Pick<QueryLog, 'entries' | 'dropped'>): string {
  if (entries.length === 0) return 'This test sent no statement.';
  const shown = entries.slice(-MOST_STATEMENTS);
  const left = entries.length - shown.length + dropped;
  const start = shown[0]?.startedAt ?? 0;
  const lines = shown.map(({ text, role, pid, startedAt, durationMs, tags, error }) => {
    const at = `+${(startedAt - start).toFixed(1)} ms`.padStart(12);
    const outcome = error === undefined ? tags.join(', ') : `refused: ${error}`;
    const statement = text.replace(/\s+/g, ' ').trim();
    return `${at}  ${role}#${pid ?? '?'}  ${statement}  → ${outcome} (${durationMs.toFixed(1)} ms)`;
  });
  const head = `The statements of this test${left === 0 ? '' : ` (${left} before them are left out)`}:`;
  return [head, ...lines].join('\n');
}
