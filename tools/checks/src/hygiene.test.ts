import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projects, root, sourceFiles } from './workspace.ts';

const text = (file: string): string => readFileSync(join(root, file), 'utf8');
const code = sourceFiles().filter((file) => existsSync(join(root, file)) && file !== 'package-lock.json');

test('the repository works elsewhere: no path of the machine it was written on', () => {
  const absolute = new RegExp(`(^|[^A-Za-z0-9_./-])/(${['work', 'root', 'farm'].join('|')})/`, 'm');
  expect(code.filter((file) => absolute.test(text(file)))).toEqual([]);
});

test('the repository works with any registry: no host name of one', () => {
  const host = new RegExp(['registry\\.npm[a-z]*\\.[a-z]+', 'deb\\.debian\\.org'].join('|'));
  expect(code.filter((file) => host.test(text(file)))).toEqual([]);
});

test('every package explains itself and says its licence', () => {
  const silent = projects().flatMap(({ folder, manifest }) => [
    ...(folder.startsWith('tools/') || existsSync(join(root, folder, 'README.md'))
      ? []
      : [`${folder}: no README.md`]),
    ...(manifest.license === 'Apache-2.0' ? [] : [`${folder}: licence is ${manifest.license}`]),
  ]);
  expect(silent).toEqual([]);
});

test('a reader keeps a file in the head: no source file over 400 lines', () => {
  const long = code
    .filter((file) => /\.(ts|mts|mjs)$/.test(file) && !/(test|fixture|testing)/.test(file))
    .map((file) => ({ file, lines: text(file).split('\n').length }))
    .filter(({ lines }) => lines > 400);
  expect(long).toEqual([]);
});

test('whoever meets an error code finds it in docs/errors.md', () => {
  const documented = existsSync(join(root, 'docs/errors.md')) ? text('docs/errors.md') : '';
  const codes = new Set<string>();
  for (const file of code.filter((name) => /^packages\/[^/]+\/src\/(.*\/)?errors\.ts$/.test(name)))
    for (const [, found] of text(file).matchAll(
      /'((?:SSM|RDS|BOOTSTRAP|TESTDB|CLOUD|CONNECT|VITEST|NX)_[A-Z0-9_]*[A-Z0-9])'/g,
    ))
      codes.add(found as string);
  expect([...codes].filter((name) => !documented.includes(`\`${name}\``)).sort()).toEqual([]);
});
