import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CostData } from './data.ts';
import { costsMarkdown } from './render.ts';

export const costsDocument: string = fileURLToPath(new URL('../../../../docs/costs.md', import.meta.url));

const begin = '<!-- sheet -->';
const end = '<!-- /sheet -->';

/** The document with what belongs between its markers. */
export function withSheet(document: string, data: CostData): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/costs.md has to have ${begin} and, after it, ${end}`);
  return `${document.slice(0, from + begin.length)}\n\n${costsMarkdown(data)}\n\n${document.slice(to)}`;
}

export function writeCostsDocument(data: CostData): void {
  writeFileSync(costsDocument, withSheet(readFileSync(costsDocument, 'utf8'), data));
}
