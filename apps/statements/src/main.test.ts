import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

test('a function without settings fails when it is loaded, and names all that are missing', async () => {
  vi.stubEnv('LEDGER_DATABASE_HOST', 'cluster.example');
  await expect(import('./main.ts')).rejects.toThrow(
    'LEDGER_DATABASE_NAME is not set; LEDGER_DATABASE_USER is not set; STATEMENTS_DATABASE_HOST is not set; ' +
      'STATEMENTS_DATABASE_NAME is not set; STATEMENTS_DATABASE_USER is not set',
  );
});

test('a malformed event is refused before a connection is asked for', async () => {
  for (const prefix of ['LEDGER', 'STATEMENTS'])
    for (const name of ['HOST', 'NAME', 'USER']) vi.stubEnv(`${prefix}_DATABASE_${name}`, '/nonexistent');
  const { handler } = await import('./main.ts');
  const context = { getRemainingTimeInMillis: () => 1_000 };
  await expect(handler({ month: '2026-05' }, context)).rejects.toMatchObject({ code: 'EVENT_INVALID' });
});
