import { expect, test } from 'vitest';
import { account, type Counters, stepOf } from './account.ts';

const suite = { code: 0, files: 1, tests: 1, passed: 1, failed: 0, durationMs: 1_500 };

const counters: Counters = {
  ssm: { startSessionCalls: 1, openSessions: 0, muxStreams: 1, bytesUp: 1_000, bytesDown: 1_234_567 },
  front: {
    verifiedTokens: 2,
    refusedTokens: 0,
    passwordLogins: 3,
    byUser: { postern_master: 3, pt_ledger_app: 2 },
  },
  lambda: { coldStarts: 1, failures: 0, byFunction: { 'postern-testdb-local': 2 } },
  api: { 'RDS.DescribeDBClusters': 1, 'Lambda.CreateFunction': 2, 'Lambda.Invoke': 5, 'SSM.StartSession': 2 },
  host: { data: { accepted: 9 } },
};

test('one is said in the singular, and each number once', () => {
  const { detail } = stepOf({
    phase: 'prepare',
    state: 'done',
    detail: 'ledger',
    counts: { databases: 1, migrations: 14, bytes: 80_038, 'round trips': 1 },
  });
  expect(detail).toBe('ledger, 1 database, 14 migrations, 80,038 bytes, 1 round trip');
});

test('every phase is one line with duration, counts and round trips', () => {
  const steps = [
    { name: 'resolve', ok: true, durationMs: 12, detail: 'db.example:5432' },
    { name: 'deploy', ok: true, durationMs: 80, detail: 'one, two' },
    { name: 'prepare', ok: false, durationMs: 1_234, detail: 'ledger, 2 round trips' },
  ];
  expect(account(steps, counters, suite).split('\n')).toEqual([
    '✓ resolve      0.01 s  db.example:5432, 1 round trip',
    '✓ deploy       0.08 s  one, two, 2 round trips',
    '✗ prepare      1.23 s  ledger, 2 round trips',
    '',
    'path:  1 StartSession, 1 stream through the tunnel, 2 tokens verified, 0 refused',
    '       1 kB up, 1,235 kB down; logins: pt_ledger_app 2',
    '       functions: postern-testdb-local 2; 1 cold start, 0 failures',
    '',
    'suite: 1 passed, 0 failed in 1 file (1.50 s)',
  ]);
});

test('a phase that came twice does not claim the requests of both', () => {
  const again = { name: 'tunnel', ok: true, durationMs: 10, detail: 'i-1' };
  expect(account([again, again], counters, suite)).not.toContain('round trip');
});

test('a run on the direct path does not look like one that took the tunnel', () => {
  const direct = { ...counters, ssm: { ...counters.ssm, startSessionCalls: 0, muxStreams: 0 } };
  expect(account([], direct, suite)).toContain(
    "path:  direct, 9 connections to the server's socket: no tunnel, no TLS, no tokens",
  );
});

test('without simulators there is no path to tell of, and the rest is there', () => {
  expect(account([], undefined, suite)).toBe('\nsuite: 1 passed, 0 failed in 1 file (1.50 s)');
});
