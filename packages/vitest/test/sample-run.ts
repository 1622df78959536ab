import type { PosternMeta, TimedHostEvent } from '../src/reporter/meta.ts';
import type { RecordedFile, RecordedRun, RecordedTest } from '../src/reporter/recorded.ts';

interface SampleOptions {
  files: number;
  workers: number;
  testsPerFile?: number;
  /** Default one run without a name. */
  shards?: number;
}

const START = Date.UTC(2026, 10, 23, 9, 30, 0);

/** A run as it could have been, always the same: times and outcomes come from a small generator. */
export function sampleRun({ files, workers, testsPerFile = 8, shards = 1 }: SampleOptions): RecordedRun {
  const recorded: RecordedFile[] = [];
  const host = new Map<string, readonly TimedHostEvent[]>();
  let endedAt = START;
  for (let shard = 1; shard <= shards; shard += 1) {
    const random = generator(shard);
    const run = `run-${shard}`;
    const events = frontEvents();
    const free = Array.from({ length: workers }, () => START + 2_900);
    for (let index = 0; index < files; index += 1) {
      const slot = free.indexOf(Math.min(...free));
      const file = sampleFile({
        random,
        index,
        slot,
        run,
        shard: shards > 1 ? `${shard}/${shards}` : '',
        at: free[slot] ?? 0,
        testsPerFile,
      });
      free[slot] = file.run.endedAt + 3;
      endedAt = Math.max(endedAt, file.run.endedAt);
      recorded.push(file);
      const database = `pt_0123abcd_r${shard}_${slot}`;
      const failed = index % 45 === 44;
      events.push({
        phase: 'reset',
        state: 'done',
        at: file.run.endedAt + 4 + random() * 6,
        durationMs: 3 + random() * 6,
        database,
        counts: { tables: 4 },
        ...(failed && {
          reason: 'ddl',
          detail: 'The test has created a table: another database takes its place.',
        }),
      });
    }
    host.set(run, events);
  }
  const failed = recorded.some(({ state }) => state === 'failed');
  return { vitest: '5.1.1', state: failed ? 'failed' : 'passed', endedAt, files: recorded, host };
}

function frontEvents(): TimedHostEvent[] {
  const step = (
    phase: TimedHostEvent['phase'],
    from: number,
    durationMs: number,
    rest: Partial<TimedHostEvent> = {},
  ): TimedHostEvent => ({ phase, state: 'done', at: START + from + durationMs, durationMs, ...rest });
  return [
    step('cloud', 0, 1_240, { detail: 'PostgreSQL 17.10, Session Manager, Lambda' }),
    step('resolve', 1_245, 12),
    step('tunnel', 1_260, 310, { detail: 'i-0abc to shop.cluster-abc.eu-west-2.rds.amazonaws.com:5432' }),
    step('build', 1_250, 420, { counts: { bytes: 183_220 } }),
    step('deploy', 1_680, 260, { counts: { functions: 2 } }),
    step('bootstrap', 1_950, 510, { detail: 'shop', counts: { databases: 1, roles: 2, migrations: 14 } }),
    step('prepare', 2_470, 380, { detail: 'shop', counts: { databases: 1, 'round trips': 3 } }),
  ];
}

function sampleFile(options: {
  random: () => number;
  index: number;
  slot: number;
  run: string;
  shard: string;
  at: number;
  testsPerFile: number;
}): RecordedFile {
  const { random, index, slot, run, shard, at, testsPerFile } = options;
  const importMs = 40 + random() * 60;
  const acquireMs = random() < 0.85 ? random() * 0.3 : 4 + random() * 22;
  const connectMs = 2 + random() * 6;
  const database = `pt_0123abcd_${run}_${slot + 1}`;
  let now = at + importMs;
  const startedAt = now;
  const tests: RecordedTest[] = [];
  for (let number = 0; number < testsPerFile; number += 1) {
    const first = number === 0;
    const durationMs = (first ? acquireMs + connectMs : 0) + 3 + random() ** 3 * 260;
    const failed = index % 37 === 11 && number === 2;
    const meta: PosternMeta = {
      ...(first && {
        database,
        scope: 'file',
        isolation: 'reset',
        origin: index < 8 ? 'clone' : 'reset',
        acquireMs,
        connectMs,
        connections: 2,
        spans: [
          { phase: 'acquire', startedAt: now, durationMs: acquireMs },
          { phase: 'connect', startedAt: now + acquireMs, durationMs: connectMs },
        ],
      }),
      queries: 3 + Math.floor(random() * 20),
      roundTrips: 4 + Math.floor(random() * 20),
      ...(failed && {
        errors: 1,
        kept: {
          database,
          until: START + 600_000,
          open: `psql "$(npx postern-url ${database})"`,
        },
      }),
      ...(index % 61 === 7 &&
        number === 1 && {
          leaks: [
            {
              kind: 'transaction' as const,
              pid: 4711,
              role: 'shop_app',
              stack: ['transfer (src/accounts/transfer.ts:41:18)', 'test/accounts/transfer.test.ts:88:9'],
            },
          ],
        }),
    };
    tests.push({
      name: `accounts > keeps the balance of case ${number + 1}`,
      state: failed ? 'failed' : number === 6 && index % 5 === 0 ? 'skipped' : 'passed',
      startedAt: now,
      durationMs,
      meta,
    });
    now += durationMs + 0.5;
  }
  const resetMs = 0.4 + random();
  return {
    file: `test/${['accounts', 'orders', 'ledger', 'statements'][index % 4]}/case-${String(index).padStart(4, '0')}.test.ts`,
    project: index % 4 === 3 ? 'statements' : 'ledger',
    state: tests.some(({ state }) => state === 'failed') ? 'failed' : 'passed',
    run: { run, shard, slot: slot + 1, queuedAt: at, startedAt, endedAt: now + resetMs },
    importMs,
    meta: { spans: [{ phase: 'release', startedAt: now, durationMs: resetMs }] },
    tests,
  };
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
