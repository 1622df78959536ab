import { expect, test } from 'vitest';
import { addMeta, countersMeta, hasFailed, type RunningFile } from './task-meta.ts';

test.each([
  [{ result: { state: 'fail' } }, true],
  [{ result: { state: 'run' } }, false],
  [{}, false],
  [{ result: { state: 'fail', retryCount: 1 }, retry: 2 }, false],
  [{ result: { state: 'fail', retryCount: 2 }, retry: { count: 2 } }, true],
  [{ result: { state: 'fail' }, fails: true }, false],
  [{ result: { state: 'pass' }, fails: true }, true],
])('a test that ended as %j has failed for good: %s', (task, failed) => {
  expect(hasFailed({ meta: {}, file: { meta: {} }, ...task })).toBe(failed);
});

test('what several parts leave is added up, and nothing takes the place of a number', () => {
  const file: RunningFile = { meta: {} };
  const span = { phase: 'acquire', startedAt: 1, durationMs: 2 } as const;
  addMeta(file, { database: 'pt_1', queries: 2, spans: [span] });
  addMeta(file, { queries: 3, connectMs: 1.5, spans: [{ ...span, phase: 'release' }] });
  expect(file.meta.postern).toEqual({
    database: 'pt_1',
    queries: 5,
    connectMs: 1.5,
    spans: [span, { ...span, phase: 'release' }],
  });
});

test('nothing is told of what did not happen', () => {
  const none = { queries: 0, roundTrips: 0, connections: 0, failedConnections: 0, errors: -1, connectMs: 0 };
  expect(countersMeta(none)).toEqual({});
});
