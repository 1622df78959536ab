import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SessionClock, type SessionTimes } from './session-clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const MINUTE = 60_000;

function running(times: Partial<SessionTimes>): { clock: SessionClock; happened: string[] } {
  const happened: string[] = [];
  const clock = new SessionClock(
    { idleTimeoutMs: 0, maxSessionDurationMs: 0, closeChannelsEveryMs: 0, ...times },
    {
      idle: () => void happened.push('idle'),
      tooOld: () => void happened.push('too old'),
      closeChannels: () => void happened.push('close'),
    },
  );
  return { clock, happened };
}

test('a session is idle after its time without activity, however much there was before', () => {
  const { clock, happened } = running({ idleTimeoutMs: 20 * MINUTE });
  for (let minutes = 0; minutes < 120; minutes += 19) {
    vi.advanceTimersByTime(19 * MINUTE);
    clock.active();
  }
  vi.advanceTimersByTime(20 * MINUTE - 1);
  expect(happened).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(happened).toEqual(['idle']);
});

test('activity does not make a session older than allowed, and channels are closed every hour', () => {
  const { happened } = running({ maxSessionDurationMs: 150 * MINUTE, closeChannelsEveryMs: 60 * MINUTE });
  vi.advanceTimersByTime(150 * MINUTE);
  expect(happened).toEqual(['close', 'close', 'too old']);
});

test('what is switched off never happens, and a stopped clock leaves no timer', () => {
  const { clock, happened } = running({});
  expect(vi.getTimerCount()).toBe(0);
  clock.stop();
  const other = running({ idleTimeoutMs: 1, maxSessionDurationMs: 1, closeChannelsEveryMs: 1 });
  other.clock.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(10);
  expect([...happened, ...other.happened]).toEqual([]);
});
