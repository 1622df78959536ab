import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkInfra } from './check.ts';
import type { Finding } from './finding.ts';

/**
 * One place of the healthy fixture broken, as the files in `fixtures/broken` write it: `# what a user would lose`, the
 * file, lines `- ` with a text in it and `+ ` with what replaces it (no `- `: it is appended), and `! ` with the finding.
 */
export interface BrokenCase {
  loss: string;
  group: string;
  file: string;
  text: string;
  replacement: string;
  expected: string;
}

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));

export function brokenCases(): BrokenCase[] {
  return readdirSync(join(fixtures, 'broken'))
    .sort()
    .flatMap((name) =>
      readFileSync(join(fixtures, 'broken', name), 'utf8')
        .trimEnd()
        .split('\n\n')
        .map((paragraph) => brokenCase(name.replace('.txt', ''), paragraph.split('\n'))),
    );
}

function brokenCase(group: string, lines: readonly string[]): BrokenCase {
  const marked = (mark: string): string[] =>
    lines.filter((line) => line === mark || line.startsWith(`${mark} `)).map((line) => line.slice(2));
  const [loss, expected] = [marked('#')[0], marked('!')[0]];
  const file = lines[1];
  if (loss === undefined || expected === undefined || file === undefined) {
    throw new Error(`Not a case: ${lines.join('\n')}`);
  }
  return { loss, group, file, text: marked('-').join('\n'), replacement: marked('+').join('\n'), expected };
}

/** Text of the healthy fixture by path below `infra/`. */
export function healthyFiles(): Record<string, string> {
  const folder = join(fixtures, 'healthy');
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [
        path
          .slice(folder.length + 1)
          .split(sep)
          .join('/'),
        readFileSync(path, 'utf8'),
      ]),
  );
}

export async function findingsOf(files: Readonly<Record<string, string>>): Promise<Finding[]> {
  const root = mkdtempSync(join(tmpdir(), 'postern-infra-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, 'infra', path)), { recursive: true });
      writeFileSync(join(root, 'infra', path), text);
    }
    return (await checkInfra(root)).findings.map((finding) => ({
      ...finding,
      file: finding.file.replace('infra/', ''),
    }));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export async function findingsOfCase(
  healthy: Readonly<Record<string, string>>,
  { file, text, replacement }: BrokenCase,
): Promise<Finding[]> {
  const before = healthy[file];
  if (before === undefined || before.split(text).length < 2)
    throw new Error(`${file} does not contain ${text}`);
  const changed = text === '' ? `${before}${replacement}` : before.replace(text, () => replacement);
  return await findingsOf({ ...healthy, [file]: changed });
}
