import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * One place of the healthy fixture broken, as the files in `fixtures/broken` write it: `# what a user would lose`, the
 * file, lines `- ` with a text in it and `+ ` with what replaces it (no `- `: it is appended), `! ` with the finding,
 * and where Terraform itself says yes to it, `~ ` with the reason.
 */
export interface BrokenCase {
  loss: string;
  group: string;
  file: string;
  text: string;
  replacement: string;
  expected: string;
  /** Why Terraform finds nothing wrong, where it does not. */
  accepted?: string;
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
  const accepted = marked('~')[0];
  return {
    loss,
    group,
    file,
    text: marked('-').join('\n'),
    replacement: marked('+').join('\n'),
    expected,
    ...(accepted === undefined ? {} : { accepted }),
  };
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

/** The healthy files with one place of them broken. */
export function brokenFiles(
  healthy: Readonly<Record<string, string>>,
  { file, text, replacement }: BrokenCase,
): Record<string, string> {
  const before = healthy[file];
  if (before === undefined || !before.includes(text)) throw new Error(`${file} does not contain ${text}`);
  const changed = text === '' ? `${before}${replacement}` : before.replace(text, () => replacement);
  return { ...healthy, [file]: changed };
}

/** Calls `work` with a folder that has the files below `infra/`, and removes it. */
export async function inFolder<T>(
  files: Readonly<Record<string, string>>,
  work: (root: string) => Promise<T>,
): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'postern-infra-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, 'infra', path)), { recursive: true });
      writeFileSync(join(root, 'infra', path), text);
    }
    return await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
