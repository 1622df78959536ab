import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { TunnelError } from '../errors.ts';
import { resolveOptions } from '../resolve-options.ts';
import type { Session } from './session.ts';
import { SessionPool } from './session-pool.ts';
import type { SessionStarter } from './session-starter.ts';

const away = new TunnelError('SSM_TARGET_NOT_CONNECTED', 'The node is away.', { hint: 'Wait.' });

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A pool of sessions that are there when the node is. */
async function openPool(sessions: number): Promise<{ pool: SessionPool; node: { away: boolean } }> {
  const node = { away: false };
  const starter = {
    failed: () => {},
    start: async () => {
      if (node.away) throw away;
      return { state: 'open', isLeaving: false, hasDelivered: true, target: 'i-1', close: async () => {} };
    },
  };
  const options = resolveOptions({
    target: 'i-0a1b2c3d4e5f60718',
    remotePort: 5432,
    sessions: { min: sessions, max: sessions },
  });
  const events = { changed: () => {}, failed: () => {}, over: () => {} };
  const pool = new SessionPool(options, events, starter as unknown as SessionStarter);
  await pool.open(new AbortController().signal);
  return { pool, node };
}

function end(pool: SessionPool, session: Session | undefined): void {
  Object.assign(session!, { state: 'over', isLeaving: true, gone: Promise.resolve() });
  pool.over(session!, away, []);
}

it('a large pool is back as soon as a small one: its sessions do not make each other wait', async () => {
  const { pool, node } = await openPool(12);
  node.away = true;
  for (const session of pool.sessions) end(pool, session);
  await vi.advanceTimersByTimeAsync(10);
  expect(pool.state).toMatchObject({ name: 'replacing', cause: away });
  node.away = false;
  // The second attempt comes after 100 ms at the latest, the third after another 200.
  await vi.advanceTimersByTimeAsync(300);
  expect(pool.sessions).toHaveLength(12);
});
