import { PREFIX } from '../methods/method.ts';
import type { Run } from '../run.ts';
import type { SampleSchema } from '../schema/sample-schema.ts';
import { sampleSchema, TINY } from '../schema/sample-schema.ts';
import {
  type BenchServer,
  bySocket,
  connected,
  OWNER,
  type ServerAddress,
  startServer,
  UNTUNED,
} from '../server/bench-server.ts';
import { buildTemplates, type Templates } from '../server/templates.ts';

export interface StrategyTimings {
  readonly settings: 'tuned' | 'untuned';
  readonly schema: string;
  readonly strategy: 'FILE_COPY' | 'WAL_LOG';
  readonly cloneMs: readonly number[];
  readonly dropMs: readonly number[];
}

/** Clones of a small and a real schema by both strategies, on our settings and on those of an untuned server, in turns. */
export async function measureStrategies(
  tuned: { address: ServerAddress; templates: Templates; schema: SampleSchema },
  { signal, progress, quick }: Run,
): Promise<StrategyTimings[]> {
  await using servers = new AsyncDisposableStack();
  progress('clone strategies: another server and three templates');
  const untuned: BenchServer = servers.use(await startServer(UNTUNED));
  const tiny = sampleSchema(TINY);
  const places = [
    {
      settings: 'tuned',
      schema: tiny.name,
      address: tuned.address,
      templates: await buildTemplates(tuned.address, tiny),
    },
    { settings: 'tuned', schema: tuned.schema.name, address: tuned.address, templates: tuned.templates },
    {
      settings: 'untuned',
      schema: tiny.name,
      address: untuned.address,
      templates: await buildTemplates(untuned.address, tiny),
    },
    {
      settings: 'untuned',
      schema: tuned.schema.name,
      address: untuned.address,
      templates: await buildTemplates(untuned.address, tuned.schema),
    },
  ] as const;
  const sessions = {
    tuned: await connected(bySocket(tuned.address, { database: 'postgres' })),
    untuned: await connected(bySocket(untuned.address, { database: 'postgres' })),
  };
  servers.defer(() => sessions.untuned.end());
  servers.defer(() => sessions.tuned.end());
  const timings = places.flatMap((place) =>
    (['FILE_COPY', 'WAL_LOG'] as const).map((strategy) => ({
      ...place,
      strategy,
      cloneMs: [] as number[],
      dropMs: [] as number[],
    })),
  );
  const rounds = quick ? 3 : 20;
  const name = `${PREFIX}strategy`;
  for (let round = -1; round < rounds; round++) {
    signal.throwIfAborted();
    if (round % 5 === 0) progress(`clone strategies, round ${round + 1} of ${rounds}`);
    for (const { settings, templates, strategy, cloneMs, dropMs } of timings) {
      const session = sessions[settings];
      const start = performance.now();
      await session.query(
        `CREATE DATABASE ${name} TEMPLATE ${templates.resettable} OWNER ${OWNER} STRATEGY ${strategy}`,
      );
      const cloned = performance.now();
      await session.query(`DROP DATABASE ${name}`);
      if (round < 0) continue;
      cloneMs.push(cloned - start);
      dropMs.push(performance.now() - cloned);
    }
  }
  return timings.map(({ settings, schema, strategy, cloneMs, dropMs }) => ({
    settings,
    schema,
    strategy,
    cloneMs,
    dropMs,
  }));
}
