import { later, notLater, now } from './clock.ts';
import { say } from './say.ts';

/** Below the five seconds after which vitest ends a test without knowing what it waited for. */
const SLOW_MS = 3_000;

/** Says what a test waits for when that takes long: a timeout names the test and no reason. */
export async function slowWait<T>(what: string, work: Promise<T>, afterMs: number = SLOW_MS): Promise<T> {
  const startedAt = now();
  let told = false;
  const timer = later(() => {
    told = true;
    say(`postern: waiting for ${what} …`);
  }, afterMs);
  try {
    const result = await work;
    if (told) say(`postern: … there after ${((now() - startedAt) / 1000).toFixed(1)} s`);
    return result;
  } finally {
    notLater(timer);
  }
}
