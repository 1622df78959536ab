import { vi } from 'vitest';

/**
 * Runs a test in virtual time: sockets and promises are real, timers and durations are not. Waiting for something
 * lets some milliseconds pass; hours pass by `vi.advanceTimersByTime`.
 */
export async function inVirtualTime(test: () => Promise<void>): Promise<void> {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'performance'],
  });
  try {
    await test();
  } finally {
    vi.useRealTimers();
  }
}
