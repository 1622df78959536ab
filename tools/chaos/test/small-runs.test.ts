import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runCommand } from '../src/command-line.ts';

/** Runs a command as a user does and returns what it wrote. */
async function run(...args: string[]): Promise<{ figures: Record<string, number>; failures: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'));
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
    print.mockRestore();
  });
  const file = join(folder, 'result.json');
  const code = await runCommand([...args, '--json', file]);
  const { results } = JSON.parse(readFileSync(file, 'utf8'));
  expect(results).toHaveLength(1);
  expect(code).toBe(results[0].failures.length === 0 ? 0 : 1);
  expect(print.mock.calls.join('\n')).toContain(results[0].name);
  return results[0];
}

test('many streams at once and one after the other: every answer is right and nothing is left', async () => {
  const { failures, figures } = await run('streams', '--count', '100', '--sequence', '100');
  expect(failures).toEqual([]);
  expect(figures['answers right']).toBe(200);
});

test('tunnels start in a row though data races the handshake', async () => {
  const { failures, figures } = await run('starts', '--count', '20');
  expect(failures).toEqual([]);
  expect(figures['good']).toBe(20);
});

test('two hours and more: no query fails at an hourly close, and an idle timeout leads to a new session', async () => {
  const { failures } = await run('life');
  expect(failures).toEqual([]);
});

test('a realistic agent: every byte arrives through cuts and faults', async () => {
  const { failures } = await run('soak', '--kind', 'realistic', '--bytes', '1M', '--cuts', '3');
  expect(failures).toEqual([]);
});

test('a fast agent and many faults: every byte arrives through cuts', async () => {
  const { failures } = await run('soak', '--kind', 'hard', '--bytes', '4M', '--cuts', '3');
  expect(failures).toEqual([]);
});

test('random tests on random schemas: every reset gives the template back or says that it cannot', async () => {
  const { failures, figures } = await run('reset', '--rounds', '100');
  expect(failures).toEqual([]);
  expect(figures['rounds played']).toBe(100);
  expect(figures['resets']).toBeGreaterThan(50);
});
