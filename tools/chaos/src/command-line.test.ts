import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCommand } from './command-line.ts';

let said: string;

beforeEach(() => {
  said = '';
  vi.spyOn(console, 'error').mockImplementation((text) => {
    said += text;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

test.each([
  [[], 'no such run'],
  [['sink'], 'no such run: sink'],
  [['soak'], '--kind must be realistic or hard'],
  [['soak', '--kind', 'hard', '--bytes', '1T'], '--bytes must be a size'],
  [['starts', '--count', '-1'], '--count'],
  [['starts', '--count', 'many'], '--count must be a whole number'],
  [['starts', '--cuts', '1'], 'starts takes no --cuts'],
  [['life', '--faster'], '--faster'],
])('a mistyped command is not run: %j', async (args, problem) => {
  expect(await runCommand(args)).toBe(2);
  expect(said).toContain(problem);
  expect(said).toContain('Usage: npm run chaos');
});
