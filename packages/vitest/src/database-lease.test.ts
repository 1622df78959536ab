import { expect, test } from 'vitest';
import { openCommand } from './database-lease.ts';

test('the line that opens a kept database asks the host that has it', () => {
  expect(openCommand('pt_1', {})).toBe('psql "$(npx postern-url pt_1)"');
  expect(openCommand('pt_1', { POSTERN_ENV: 'staging', POSTERN_LOCAL_PATH: 'direct' })).toBe(
    'psql "$(POSTERN_ENV=staging POSTERN_LOCAL_PATH=direct npx postern-url pt_1)"',
  );
  expect(openCommand('pt_1', { POSTERN_ENV: '$(rm -rf ~)' })).toBe('psql "$(npx postern-url pt_1)"');
});
