import { later, notLater } from './clock.ts';
import { PosternVitestError } from './errors.ts';

export interface BarrierOptions {
  /** From the first arrival until everybody must be there; default 10,000: longer than a busy machine is slow. */
  readonly timeoutMs?: number;
  /** Ends the wait of everybody with its reason. */
  readonly signal?: AbortSignal;
}

/** A place where a number of parties wait for each other. It can be used again as soon as everybody has passed. */
export interface Barrier {
  /**
   * Fulfils for all in the same turn when the last party has come.
   *
   * @param who for the message when somebody does not come; default the number of the arrival
   * @throws PosternVitestError `VITEST_RACE_TIMEOUT`, for everybody who waits and all who come later
   */
  wait(who?: string): Promise<void>;
  /** Ends the wait of everybody with this reason; who comes later gets it, too. */
  break(reason: unknown): void;
  /** Who is waiting now, in the order of arrival. */
  readonly waiting: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** A {@link Barrier} for `parties` parties. Throws `VITEST_RACE_INVALID`. */
export function barrier(parties: number, options: BarrierOptions = {}): Barrier {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  if (!Number.isSafeInteger(parties) || parties < 1) {
    throw invalid(`barrier(${String(parties)}): the number of parties must be a whole number from 1 on.`);
  }
  const waiting: Array<{ who: string; resolve: () => void; reject: (reason: unknown) => void }> = [];
  let timer: NodeJS.Timeout | undefined;
  let broken: { reason: unknown } | undefined;

  const end = (settle: (party: (typeof waiting)[number]) => void): void => {
    notLater(timer);
    signal?.removeEventListener('abort', onAbort);
    for (const party of waiting.splice(0)) settle(party);
  };
  const breakWith = (reason: unknown): void => {
    broken ??= { reason };
    end(({ reject }) => reject(reason));
  };
  const onAbort = (): void => breakWith(signal?.reason);

  return {
    wait(who) {
      if (signal?.aborted && broken === undefined) broken = { reason: signal.reason };
      if (broken !== undefined) return Promise.reject(broken.reason);
      if (waiting.length === 0) {
        timer = later(() => breakWith(notAllCame(waiting, parties, timeoutMs)), timeoutMs);
        signal?.addEventListener('abort', onAbort, { once: true });
      }
      return new Promise<void>((resolve, reject) => {
        waiting.push({ who: who ?? `#${waiting.length + 1}`, resolve, reject });
        if (waiting.length === parties) end((party) => party.resolve());
      });
    },
    break: breakWith,
    get waiting() {
      return waiting.map(({ who }) => who);
    },
  };
}

/** What a party of {@link simultaneously} is given. */
export interface Party {
  /** From 0. */
  readonly index: number;
  /** Waits until every other party is there, too: `await together()` just before the statement that races. */
  together(who?: string): Promise<void>;
  /** Fires when the race cannot take place any more. */
  readonly signal: AbortSignal;
}

export type RaceFunction<T> = (party: Party) => T | PromiseLike<T>;
export type RaceResults<F extends readonly RaceFunction<unknown>[]> = {
  -readonly [I in keyof F]: PromiseSettledResult<Awaited<ReturnType<F[I]>>>;
};

/**
 * Runs functions side by side and tells how each of them ended, as `Promise.allSettled` does: that one of them is
 * refused is often what the test is about. Each can `await together()` where it is ready; all go on from there in the
 * same turn.
 *
 * ```ts
 * const [first, second] = await simultaneously(
 *   async ({ together }) => { await a.query('BEGIN'); await together(); return withdraw(a, 80); },
 *   async ({ together }) => { await b.query('BEGIN'); await together(); return withdraw(b, 80); },
 * );
 * ```
 *
 * @throws PosternVitestError `VITEST_RACE_BROKEN` when a function ends while others wait for it, `VITEST_RACE_TIMEOUT` when
 * one does not come in time: then there was no race, and its results would prove nothing
 */
export function simultaneously<F extends readonly RaceFunction<unknown>[]>(
  ...functions: F
): Promise<RaceResults<F>>;
export function simultaneously<F extends readonly RaceFunction<unknown>[]>(
  options: BarrierOptions,
  ...functions: F
): Promise<RaceResults<F>>;
export async function simultaneously(
  first?: BarrierOptions | RaceFunction<unknown>,
  ...others: RaceFunction<unknown>[]
): Promise<PromiseSettledResult<unknown>[]> {
  const options = typeof first === 'object' ? first : {};
  const functions = typeof first === 'function' ? [first, ...others] : others;
  if (functions.length === 0) throw invalid('simultaneously(): there is no function to run.');
  const off = new AbortController();
  const meeting = barrier(functions.length, options);
  let failure: { reason: unknown } | undefined;
  const fail = (reason: unknown): void => {
    failure ??= { reason };
    meeting.break(reason);
    off.abort(reason);
  };
  /** Which parties have ended: nobody can wait for them. */
  const ended = new Map<number, PromiseSettledResult<unknown>>();
  const failIfMissed = (): void => {
    const [gone] = ended;
    if (gone === undefined || meeting.waiting.length === 0) return;
    fail(missed(meeting.waiting, gone));
  };
  const run = async (work: RaceFunction<unknown>, index: number): Promise<PromiseSettledResult<unknown>> => {
    const together = async (who = `#${index + 1}`): Promise<void> => {
      const arrival = meeting.wait(who);
      failIfMissed();
      await arrival.catch((error: unknown) => {
        fail(error);
        throw error;
      });
    };
    const [result] = await Promise.allSettled([
      Promise.resolve().then(() => work({ index, together, signal: off.signal })),
    ]);
    ended.set(index, result);
    failIfMissed();
    return result;
  };
  const results = await Promise.all(functions.map(run));
  if (failure !== undefined) throw failure.reason;
  return results;
}

function notAllCame(
  waiting: readonly { who: string }[],
  parties: number,
  timeoutMs: number,
): PosternVitestError {
  const who = waiting.map((party) => party.who).join(', ');
  const missing = parties - waiting.length;
  return new PosternVitestError('VITEST_RACE_TIMEOUT', {
    kind: 'timeout',
    message: `${waiting.length} of ${parties} came to the barrier within ${timeoutMs / 1000} s: ${who}. ${missing === 1 ? 'One is' : `${missing} are`} missing.`,
    hint: 'What is missing waits for something else: often for a lock that a party at the barrier holds, or for a pool with fewer connections than parties. Name parties by wait("name") to see who it is; raise timeoutMs if it is only slow.',
  });
}

function missed(
  waiting: readonly string[],
  [index, result]: readonly [number, PromiseSettledResult<unknown>],
): PosternVitestError {
  const how = result.status === 'rejected' ? 'failed' : 'returned';
  const why =
    result.status === 'rejected' ? `: ${String((result.reason as Error)?.message ?? result.reason)}` : '';
  return new PosternVitestError('VITEST_RACE_BROKEN', {
    kind: 'conflict',
    message: `There was no race: #${index + 1} ${how} without coming to where ${waiting.join(', ')} waited${why}`,
    hint: 'Every function must call together() as often as the others, before it can end.',
    ...(result.status === 'rejected' && { cause: result.reason }),
  });
}

function invalid(message: string): PosternVitestError {
  return new PosternVitestError('VITEST_RACE_INVALID', {
    kind: 'invalid',
    message,
    hint: 'Give it at least one.',
  });
}
