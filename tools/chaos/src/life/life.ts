import type { Outcome } from '../outcome.ts';
import { violationLines } from '../peer/violations.ts';
import { CLOSE_EVERY_MS, IDLE_TIMEOUT_MS, type LifeRecord, liveThrough, MINUTE_MS } from './scenario.ts';
import { VirtualTime } from './virtual-time.ts';

/** Two hours and more of a tunnel's life, in seconds; see `liveThrough` for what happens in it. */
export async function life(): Promise<Outcome> {
  const startedAt = performance.now();
  let record: LifeRecord;
  let virtualMs: number;
  let steps: number;
  let timers: number;
  {
    using time = new VirtualTime(Date.UTC(2026, 0, 31, 12));
    record = await time.run(liveThrough(time));
    ({ elapsedMs: virtualMs, steps, timers } = time);
  }
  const { statistics, simulated, uses, rotations } = record;
  return {
    name: 'life',
    settings: {
      'hourly close: minutes': CLOSE_EVERY_MS / MINUTE_MS,
      'idle timeout: minutes': IDLE_TIMEOUT_MS / MINUTE_MS,
      'new credentials: minutes': rotations.everyMs / MINUTE_MS,
    },
    figures: {
      'virtual minutes': virtualMs / MINUTE_MS,
      'real seconds': (performance.now() - startedAt) / 1_000,
      'steps of time': steps,
      'queries answered': record.answered,
      'in doubt at a close': record.inDoubt,
      resumes: statistics.resumes,
      replacements: statistics.replacements,
      retransmissions: statistics.retransmissions,
      'sessions at the service': simulated.sessionsStarted,
      'signed requests': uses.length,
      'credentials used': new Set(uses.map(({ generation }) => generation)).size,
    },
    failures: [...record.failures, ...judge(record), ...(timers === 0 ? [] : [`${timers} timers are left`])],
  };
}

/** What the statistics have to say about such a life. */
function judge({ statistics, simulated, uses, violations, rotations }: LifeRecord): string[] {
  const closes = Math.floor(rotations.busyMs / CLOSE_EVERY_MS);
  const outdated = uses.filter(
    ({ atMs, generation }) => generation !== Math.floor((atMs - rotations.startMs) / rotations.everyMs),
  );
  const expected: [string, number, number][] = [
    ['resumes of the tunnel', statistics.resumes, closes],
    ['ResumeSession calls', simulated.resumeSessionCalls, closes],
    ['replacements of the tunnel', statistics.replacements, 1],
    ['StartSession calls', simulated.startSessionCalls, 2],
    ['sessions left open', simulated.openSessions, 0],
    ['requests with outdated credentials', outdated.length, 0],
  ];
  return [
    ...expected
      .filter(([, actual, wanted]) => actual !== wanted)
      .map(([what, actual, wanted]) => `${what}: ${actual} instead of ${wanted}`),
    ...violationLines(violations),
  ];
}
