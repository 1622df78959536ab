import type { PoolBackend, ResetOutcome } from '../../src/index.ts';

/** One call that the test has to settle. */
export type Call =
  | {
      readonly kind: 'clone';
      readonly first: number;
      readonly count: number;
      readonly branch: string | undefined;
      succeed(): void;
      fail(error: unknown): void;
    }
  | {
      readonly kind: 'reset';
      readonly name: string;
      readonly keep: readonly number[];
      succeed(outcome?: ResetOutcome): void;
      fail(error: unknown): void;
    }
  | {
      readonly kind: 'drop';
      readonly names: readonly string[];
      succeed(): void;
      fail(error: unknown): void;
    };

export const done: ResetOutcome = { status: 'reset', tables: 1, sequences: 0, ended: [] };
export const ddl: ResetOutcome = { status: 'discard', reason: 'ddl', detail: 'table "x" is new', ended: [] };

/** A backend whose calls wait for the test. */
export class FakeBackend implements PoolBackend {
  readonly pending: Call[] = [];
  /** Called before a call is noted, e.g. to check what is allowed at this moment. */
  onCall: (call: Call) => void = () => undefined;

  clone(request: { first: number; count: number; branch?: string }): Promise<readonly string[]> {
    const { first, count, branch } = request;
    const names = Array.from({ length: count }, (_, index) => `${branch ?? 'template'}_${first + index}`);
    return this.#call((resolve, reject) => ({
      kind: 'clone',
      first,
      count,
      branch,
      succeed: () => resolve(names),
      fail: reject,
    }));
  }

  reset(name: string, { keep }: { keep: readonly number[] }): Promise<ResetOutcome> {
    return this.#call((resolve, reject) => ({
      kind: 'reset',
      name,
      keep,
      succeed: (outcome = done) => resolve(outcome),
      fail: reject,
    }));
  }

  drop(names: readonly string[]): Promise<void> {
    return this.#call((resolve, reject) => ({ kind: 'drop', names, succeed: () => resolve(), fail: reject }));
  }

  /** The oldest pending call of a kind. */
  first<K extends Call['kind']>(kind: K): Extract<Call, { kind: K }> {
    const found = this.pending.find((call) => call.kind === kind);
    if (!found) throw new Error(`no ${kind} is pending, but ${this.pending.map((call) => call.kind)}`);
    return found as Extract<Call, { kind: K }>;
  }

  count(kind: Call['kind']): number {
    return this.pending.filter((call) => call.kind === kind).length;
  }

  #call<T>(make: (resolve: (value: T) => void, reject: (error: unknown) => void) => Call): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => void this.pending.splice(this.pending.indexOf(call), 1);
      const call = make(
        (value) => {
          leave();
          resolve(value);
        },
        (error) => {
          leave();
          reject(error);
        },
      );
      this.onCall(call);
      this.pending.push(call);
    });
  }
}

/** Lets everything that is settled have its consequences. Real even where timers are faked. */
const { setImmediate } = globalThis;
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
