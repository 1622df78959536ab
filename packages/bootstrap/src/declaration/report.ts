/** Takes a problem and the field that it is about. */
export type Report = (field: string, message: string) => void;

/** A value of any kind, in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return 'a bigint';
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'function'
    ? 'a function'
    : `${typeof value === 'object' ? 'an object' : 'a symbol'}`;
}

/** A field's name in a message; keys of a user's object may be anything. */
export function fieldOf(parent: string, key: string): string {
  return `${parent}.${key.length > 80 ? `${key.slice(0, 80)}…` : key}`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function checkFields(
  value: Record<string, unknown>,
  known: readonly string[],
  field: (key: string) => string,
  report: Report,
): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) report(field(key), `unknown field; known are ${known.join(', ')}`);
  }
}

/** A list of different names. */
export function checkList(
  value: unknown,
  field: string,
  report: Report,
  problemsOf: (item: string) => readonly string[],
): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) {
    report(field, 'expected a list of names');
    return;
  }
  const seen = new Set<unknown>();
  for (const item of value as unknown[]) {
    if (seen.has(item)) report(field, `${show(item)} is listed twice`);
    seen.add(item);
    const problems = typeof item === 'string' ? problemsOf(item) : ['expected a name'];
    for (const problem of problems.slice(0, 1)) report(field, `${show(item)}: ${problem}`);
  }
}

/** -1 is no limit; PostgreSQL keeps it in four bytes. */
export function checkConnectionLimit(value: unknown, field: string, report: Report): boolean {
  if (value === undefined) return false;
  if (Number.isInteger(value) && (value as number) >= -1 && (value as number) < 2 ** 31) return true;
  report(field, `expected an integer from -1 (no limit) to ${2 ** 31 - 1}, got ${show(value)}`);
  return false;
}
