import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const examples = join(import.meta.dirname, '../../../examples');
const names = readdirSync(examples, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** The lines that the example's README says were added, by file. */
function additions(name: string): { file: string; line: string }[] {
  const readme = readFileSync(join(examples, name, 'README.md'), 'utf8');
  const diff = /```diff\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  let file = '';
  const added: { file: string; line: string }[] = [];
  for (const line of diff.split('\n')) {
    if (line.startsWith('--- ')) file = line.slice(4);
    else if (line.startsWith('+')) added.push({ file, line: line.slice(1) });
  }
  return added;
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && !/node_modules|\.cache|README/.test(join(entry.parentPath, entry.name)),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}

describe.each(names)('the example %s', (name) => {
  test('adopts Postern in fewer than ten lines, all of which its README shows', () => {
    const added = additions(name);
    expect(added.length).toBeGreaterThan(0);
    expect(added.length).toBeLessThan(10);
    for (const { file, line } of added) {
      expect(readFileSync(join(examples, name, file), 'utf8').split('\n'), `${file} of ${name}`).toContain(
        line,
      );
    }
  });

  test('knows nothing of Postern beyond them', () => {
    const added = additions(name);
    for (const path of filesOf(join(examples, name))) {
      const file = path.slice(join(examples, name).length + 1).replaceAll('\\', '/');
      const shown = added.filter((each) => each.file === file).map(({ line }) => line);
      const others = readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => /postern/i.test(line) && !shown.includes(line));
      expect({ file, others }).toEqual({ file, others: [] });
    }
  });
});
