import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { type DatabasePool, type Isolation, openPool, type PooledDatabase } from '../../src/index.ts';
import { type Call, ddl, done, FakeBackend, turn } from './fake-backend.ts';

type Command =
  | {
      readonly do: 'acquire';
      readonly key: number;
      readonly isolation: Isolation;
      readonly branch: string | undefined;
      readonly waitForOwn: boolean;
    }
  | { readonly do: 'forget'; readonly branch: string }
  | { readonly do: 'abort' | 'stray' | 'idle'; readonly which: number }
  | { readonly do: 'release'; readonly which: number; readonly how: 'reuse' | 'once' | 'kept' | 'default' }
  | { readonly do: 'settle'; readonly which: number; readonly how: 'succeed' | 'discard' | 'fail' }
  | { readonly do: 'pass'; readonly ms: number };

const which = fc.nat(20);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      key: fc.nat(4),
      isolation: fc.constantFrom<Isolation>('reset', 'reset', 'reset', 'clone'),
      branch: fc.constantFrom(undefined, undefined, undefined, 'a', 'b'),
      waitForOwn: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('forget' as const), branch: fc.constantFrom('a', 'b') }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      which,
      how: fc.constantFrom(
        'default' as const,
        'default' as const,
        'default' as const,
        'reuse',
        'once',
        'kept',
      ),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which,
      how: fc.constantFrom('succeed' as const, 'succeed' as const, 'succeed' as const, 'discard', 'fail'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('abort' as const, 'stray', 'idle'), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(60) }) },
);

interface Request {
  readonly id: number;
  readonly key: string;
  readonly isolation: Isolation;
  readonly branch: string | undefined;
  readonly abort: AbortController;
  state: 'waiting' | 'served' | 'rejected';
}

/** Knows, from outside, who has what, and objects to what must never happen. */
class World {
  readonly backend = new FakeBackend();
  readonly pool: DatabasePool;
  readonly requests: Request[] = [];
  readonly held = new Map<string, Request>();
  readonly used = new Set<string>();
  /** Given back and not (yet) reset, kept, or dropped: nobody may get them. */
  readonly gone = new Map<string, 'resetting' | 'discarded' | 'kept' | 'dropped'>();
  readonly forgotten = new Set<string>();
  readonly created = new Set<string>();
  readonly outcomes: Promise<void>[] = [];
  readonly maxDiscarded: number;
  readonly producers: number;
  /** Whom somebody overtook who asked for the same later. */
  readonly overtaken: string[] = [];
  /** Found where an exception would not reach the test. */
  readonly #objections: unknown[] = [];

  constructor(options: {
    workers: number;
    producers: number;
    batch: number;
    depth: number;
    maxDiscarded: number;
    maxResets: number;
  }) {
    this.maxDiscarded = options.maxDiscarded;
    this.producers = options.producers;
    this.backend.onCall = (call) => this.#object(() => this.#allowed(call));
    this.pool = openPool({ backend: this.backend, ...options });
  }

  #object(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#objections.push(error);
    }
  }

  get waiting(): Request[] {
    return this.requests.filter(({ state }) => state === 'waiting');
  }

  #allowed(call: Call): void {
    const of = (kind: Call['kind']): number => this.backend.count(kind);
    switch (call.kind) {
      case 'clone':
        expect(of('clone')).toBeLessThan(this.producers);
        expect(call.count).toBeGreaterThan(0);
        break;
      case 'reset':
        expect(this.held.has(call.name)).toBe(false);
        expect(this.gone.get(call.name)).toBe('resetting');
        break;
      case 'drop': {
        const { waiting, cloning, resetting, discarded } = this.pool.statistics();
        if (discarded + call.names.length <= Math.max(2 * this.maxDiscarded, 4)) {
          expect({ waiting, cloning, resetting }).toEqual({ waiting: 0, cloning: 0, resetting: 0 });
        }
        for (const name of call.names) {
          expect(this.held.has(name)).toBe(false);
          const forgotten = this.forgotten.has(name.split('_', 1)[0] ?? '');
          if (!forgotten) expect(this.gone.get(name)).toBe('discarded');
          this.gone.set(name, 'dropped');
        }
      }
    }
  }

  acquire(request: {
    key: number;
    isolation: Isolation;
    branch: string | undefined;
    waitForOwn?: boolean;
  }): void {
    const { isolation, branch, waitForOwn = false } = request;
    const one: Request = {
      id: this.requests.length,
      key: `key ${request.key}`,
      isolation,
      branch,
      abort: new AbortController(),
      state: 'waiting',
    };
    this.requests.push(one);
    const { signal } = one.abort;
    this.pool
      .acquire({ key: one.key, isolation, signal, waitForOwn, ...(branch === undefined ? {} : { branch }) })
      .then(
        (database) => this.#object(() => this.#served(one, database)),
        () => {
          one.state = 'rejected';
        },
      );
  }

  #served(one: Request, { name, origin }: PooledDatabase): void {
    one.state = 'served';
    expect(this.held.has(name), `${name} has a holder`).toBe(false);
    expect(this.gone.get(name), `${name} was given back`).toBeUndefined();
    expect(this.created.has(name), `${name} exists`).toBe(true);
    expect(name.startsWith(`${one.branch ?? 'template'}_`)).toBe(true);
    expect(origin).toBe(this.used.has(name) ? 'reset' : 'clone');
    expect(this.forgotten.has(one.branch ?? ''), 'its branch was forgotten').toBe(false);
    if (one.isolation === 'clone') expect(origin).toBe('clone');
    for (const other of this.waiting) {
      const same = other.branch === one.branch && other.isolation === one.isolation && other.key !== one.key;
      if (same && other.id < one.id) this.overtaken.push(other.key);
    }
    this.held.set(name, one);
    this.used.add(name);
  }

  forget(branch: string): void {
    this.forgotten.add(branch);
    this.pool.forgetBranch(branch);
  }

  release(index: number, how: 'reuse' | 'once' | 'kept' | 'default'): void {
    const name = [...this.held.keys()][index % Math.max(1, this.held.size)];
    if (name === undefined) return;
    this.held.delete(name);
    // Set before the call, which may ask the backend at once; corrected by the outcome.
    this.gone.set(name, how === 'kept' ? 'kept' : how === 'once' ? 'discarded' : 'resetting');
    const { backend } = this;
    const allowed = backend.onCall;
    backend.onCall = (call) => {
      // The pool may drop at once what it decides not to reset.
      if (call.kind === 'drop' && call.names.includes(name) && how !== 'kept')
        this.gone.set(name, 'discarded');
      allowed(call);
    };
    const options = { reuse: { reuse: true }, once: { reuse: false }, kept: { kept: true }, default: {} };
    const released = this.pool.release(name, options[how]);
    backend.onCall = allowed;
    if (released.will === 'discard' && this.gone.get(name) === 'resetting') this.gone.set(name, 'discarded');
    expect(released.will === 'keep').toBe(how === 'kept');
    if (how === 'once') expect(released.will).toBe('discard');
    this.outcomes.push(
      released.done.then(({ status }) => {
        expect(status === 'kept').toBe(how === 'kept');
      }),
    );
  }

  settle(index: number, how: 'succeed' | 'discard' | 'fail'): void {
    const { pending } = this.backend;
    const call = pending[index % Math.max(1, pending.length)];
    if (!call) return;
    if (call.kind === 'clone' && how !== 'fail') {
      for (let n = call.first; n < call.first + call.count; n++) {
        this.created.add(`${call.branch ?? 'template'}_${n}`);
      }
    }
    if (call.kind === 'reset') {
      if (how === 'succeed') this.gone.delete(call.name);
      else this.gone.set(call.name, 'discarded');
    }
    if (how === 'fail') call.fail(new Error('the backend says no'));
    else if (call.kind === 'reset') call.succeed(how === 'discard' ? ddl : done);
    else call.succeed();
  }

  /** What has to hold whenever nothing is left to be done for now. */
  check(): void {
    const { pool, backend } = this;
    if (this.#objections.length > 0) throw this.#objections[0];
    const numbers = pool.statistics();
    expect(numbers.waiting).toBe(this.waiting.length);
    expect(numbers.taken).toBe(this.held.size);
    const { ready, taken, resetting, discarded, kept, totals } = numbers;
    const dropping = backend.pending.flatMap((call) => (call.kind === 'drop' ? call.names : [])).length;
    expect(ready + taken + resetting + discarded + kept + totals.dropped + dropping, 'none is lost').toBe(
      this.created.size,
    );
    if (this.waiting.length > 0) {
      const coming = backend.count('clone') + backend.count('reset');
      expect(coming, 'who waits has something to wait for').toBeGreaterThan(0);
    }
  }
}

afterEach(() => {
  vi.useRealTimers();
});

const options = fc.record({
  workers: fc.integer({ min: 1, max: 4 }),
  producers: fc.integer({ min: 1, max: 2 }),
  batch: fc.integer({ min: 1, max: 3 }),
  depth: fc.integer({ min: 0, max: 6 }),
  maxDiscarded: fc.integer({ min: 0, max: 3 }),
  maxResets: fc.integer({ min: 0, max: 5 }),
});

/** Runs the commands, then lets everything come to its end; the clock moves only by `pass`. */
const live = async (world: World, commands: readonly Command[]): Promise<void> => {
  for (const one of commands) {
    if (one.do === 'acquire') world.acquire(one);
    else if (one.do === 'release') world.release(one.which, one.how);
    else if (one.do === 'forget') world.forget(one.branch);
    else if (one.do === 'settle') world.settle(one.which, one.how);
    else if (one.do === 'pass') vi.advanceTimersByTime(one.ms);
    else if (one.do === 'idle') world.outcomes.push(world.pool.idle());
    else if (one.do === 'abort') world.waiting[one.which % Math.max(1, world.waiting.length)]?.abort.abort();
    else if (!world.held.has(`template_${one.which}`)) {
      expect(() => world.pool.release(`template_${one.which}`)).toThrow('nobody has it');
    }
    await turn();
    world.check();
  }
};
const finish = async (world: World): Promise<void> => {
  const before = world.requests.length;
  for (let round = 0; world.backend.pending.length > 0 || world.waiting.length > 0; round++) {
    expect(round, 'it comes to an end').toBeLessThan(10_000);
    world.settle(0, 'succeed');
    await turn();
    world.check();
  }
  expect(world.requests).toHaveLength(before);
};

test('whatever happens in whatever order: no database has two holders, none is lost, and everybody is answered', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  await fc.assert(
    fc.asyncProperty(options, fc.array(command, { maxLength: 120, size: 'max' }), async (given, commands) => {
      const world = new World(given);
      await live(world, commands);
      await finish(world);
      const closing = world.pool.close();
      await finish(world);
      await closing;
      await Promise.all(world.outcomes);
      expect(world.pool.statistics()).toMatchObject({ waiting: 0, cloning: 0, resetting: 0 });
    }),
    { numRuns: 300 },
  );
});

test('closing in the middle of anything answers everybody', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  await fc.assert(
    fc.asyncProperty(options, fc.array(command, { maxLength: 60, size: 'max' }), async (given, commands) => {
      const world = new World(given);
      await live(world, commands);
      const closing = world.pool.close();
      await turn();
      expect(world.waiting).toEqual([]);
      while (world.held.size > 0) world.release(0, 'once');
      while (world.backend.pending.length > 0) {
        world.settle(1, 'fail');
        await turn();
      }
      await closing;
      await Promise.all(world.outcomes);
      world.acquire({ key: 0, isolation: 'reset', branch: undefined });
      await turn();
      expect(world.requests.at(-1)?.state).toBe('rejected');
    }),
    { numRuns: 200 },
  );
});

test('who asks first is served first among those who ask for the same', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  await fc.assert(
    fc.asyncProperty(options, fc.array(command, { maxLength: 80, size: 'max' }), async (given, commands) => {
      const world = new World(given);
      // Each key asks once: nobody waits for a database of their own.
      let key = 0;
      const once = commands.map((one) => (one.do === 'acquire' ? { ...one, key: key++ } : one));
      await live(world, once);
      await finish(world);
      expect(world.overtaken).toEqual([]);
      await world.pool.close();
    }),
    { numRuns: 200 },
  );
});
