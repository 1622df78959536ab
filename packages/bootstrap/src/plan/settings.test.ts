import { describe, expect, test } from 'vitest';
import { assignment, compareSettings, settingName } from './settings.ts';

describe('settings', () => {
  test('a list of schemas is set element by element, anything else as one text', () => {
    expect(assignment('search_path', '"$user", Public,"a,""b"')).toBe(
      `search_path = '$user', 'public', 'a,"b'`,
    );
    expect(assignment('search_path', '')).toBe(`search_path = ''`);
    expect(assignment('datestyle', `ISO, 'DMY'`)).toBe(`datestyle = 'ISO, ''DMY'''`);
  });

  test('are the same however they are spelt: case of names, quotes and blanks of lists', () => {
    const found = ['TimeZone=UTC', 'search_path="$user", public', 'work_mem=64MB', 'jit=off'];
    expect(
      compareSettings(found, { timezone: 'UTC', search_path: '"$user",public', work_mem: '64MB' }),
    ).toEqual({ missing: [], extra: ['jit'] });
  });

  test('differ in their values exactly, also where these hold a =', () => {
    expect(compareSettings(['a.b=x=y'], { 'a.b': 'x=z', work_mem: '1MB' })).toEqual({
      missing: [
        ['a.b', 'x=z'],
        ['work_mem', '1MB'],
      ],
      extra: [],
    });
  });

  test('key words may be part of a custom name', () => {
    expect(settingName('app.user')).toBe('"app"."user"');
    expect(settingName('work_mem')).toBe('work_mem');
  });
});
