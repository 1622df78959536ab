/**
 * Which statements leave something in their session that outlives the transaction, by what can be seen from outside:
 * the text and the command tag. What a function of the database does inside is not seen.
 */
export function leavesState(text: string, tags: readonly string[]): boolean {
  return (
    TEXTS.some((pattern) => pattern.test(text)) ||
    (tags.includes('SET') && setsForSession(text)) ||
    tags.some((tag) => TAGS.has(tag)) ||
    setsConfigForSession(text)
  );
}

/** Statements prepared by name in SQL. pg's own named statements are not among them: they stay. */
export function preparedBySql(text: string, tags: readonly string[]): readonly string[] {
  if (!tags.includes('PREPARE')) return [];
  return [...text.matchAll(/\bprepare\s+("(?:[^"]|"")+"|[a-z_]\w*)(?=\s*(?:\(|as\b))/gi)].map(
    (match) => match[1] ?? '',
  );
}

const TAGS: ReadonlySet<string> = new Set(['LISTEN', 'DECLARE CURSOR', 'LOAD', 'PREPARE']);

const TEXTS: readonly RegExp[] = [
  /\bpg_(?:try_)?advisory_lock/i,
  /\bcreate\s+(?:or\s+replace\s+)?(?:local\s+|global\s+)?temp(?:orary)?\b/i,
  /\binto\s+temp(?:orary)?\b/i,
  /\bpg_temp\./i,
];

/** SET LOCAL, SET TRANSACTION and SET CONSTRAINTS end with the transaction. In doubt (UPDATE … SET): yes. */
function setsForSession(text: string): boolean {
  return /\bset\s+(?!local\b|transaction\b|constraints\b)/i.test(text);
}

/** set_config(name, value, true) ends with the transaction, when `true` is there to be read. */
function setsConfigForSession(text: string): boolean {
  const calls = text.match(/\bset_config\s*\(/gi)?.length ?? 0;
  if (calls === 0) return false;
  const local = text.match(/\bset_config\s*\([^()]*,\s*true\s*\)/gi)?.length ?? 0;
  return local < calls;
}

/**
 * Brings a session back to what it was after logging in, in one message. Not DISCARD ALL: that would also deallocate
 * the named statements that pg believes to be prepared, and it cannot be combined with others.
 */
export function cleanUpStatement(prepared: Iterable<string>): string {
  return [
    'CLOSE ALL',
    'UNLISTEN *',
    'RESET ALL',
    // In this order: the first one leaves the role as `none`, the second one puts the login's own back.
    'RESET SESSION AUTHORIZATION',
    'RESET ROLE',
    'SELECT pg_catalog.pg_advisory_unlock_all()',
    'DISCARD TEMP',
    'DISCARD SEQUENCES',
    ...[...prepared].map((name) => `DEALLOCATE ${name}`),
  ].join('; ');
}
