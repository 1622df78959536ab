import { expect, test } from 'vitest';
import { settingStatements } from './settings.ts';

const written = (name: string, value: string): string =>
  settingStatements('d', [{ role: null, name, value }])[0]?.replace('ALTER DATABASE "d" SET ', '') ?? '';

test('a setting of a template is nothing but a setting in its copies, whatever its owner has written into it', () => {
  expect(written('search_path', '"$user", App, "my ""own"" schema", public')).toBe(
    `"search_path" = '$user', 'app', 'my "own" schema', 'public'`,
  );
  expect(written('search_path', '""')).toBe(`"search_path" = ''`);
  expect(written('search_path', `public;drop/**/role'x`)).toBe(`"search_path" = 'public;drop/**/role''x'`);
  expect(written('DateStyle', 'ISO, DMY')).toBe(`"DateStyle" = 'ISO, DMY'`);
  expect(written('app.greeting', `it's \\'; DROP`)).toBe(`"app.greeting" = E'it''s \\\\''; DROP'`);
  expect(settingStatements('d"e', [{ role: 'r"x', name: 'work_mem', value: '1MB' }])).toEqual([
    `ALTER ROLE "r""x" IN DATABASE "d""e" SET "work_mem" = '1MB'`,
  ]);
});
