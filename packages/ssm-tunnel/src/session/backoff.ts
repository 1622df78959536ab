import { FIRST_RETRY_MS, MAX_RETRY_MS } from '../channel/constants.ts';

/**
 * The wait before a retry: none before the first, then doubling up to a limit, drawn at random from its upper half, so
 * that the tunnels of a team do not all come back in the same moment.
 */
export function retryDelayMs(attempt: number, random: () => number = Math.random): number {
  if (attempt === 0) return 0;
  const ceiling = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 20));
  return Math.round((ceiling * (1 + random())) / 2);
}

/** Waits; rejects with the signal's reason. Keeps the process alive only when asked to. */
export function wait(delayMs: number, keepAlive: boolean, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    if (!keepAlive) timer.unref();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
