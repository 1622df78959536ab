import { platform } from '../platform.ts';

/** A process, told apart from a later one that got the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: string;
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, start: platform.processStart(process.pid) ?? '' };
}

export function isAlive(process_: ProcessIdentity): boolean {
  return platform.processStart(process_.pid) === process_.start;
}

/** Waits until a process that is not our child has ended. False when it still lives at the deadline. */
export async function ended(
  process_: ProcessIdentity,
  withinMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isAlive(process_)) {
    if (Date.now() >= deadline) return false;
    await pause(20, signal);
  }
  return true;
}

export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(finish, ms);
    function finish(): void {
      signal?.removeEventListener('abort', abort);
      resolve();
    }
    function abort(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener('abort', abort, { once: true });
  });
}
