import type { Cursor } from './cursor.ts';

/** `k, v in`, or undefined when what follows is not that. */
export function loopNames(cursor: Cursor): string[] | undefined {
  const names: string[] = [];
  do {
    const name = cursor.identifier();
    if (name === undefined) return undefined;
    names.push(name);
  } while (cursor.take(','));
  return cursor.identifier() === 'in' ? names : undefined;
}
