import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PoolStatistics } from '@postern/test-databases';
import type { IntegresqlPoolOptions } from '../brokers/integresql-pool.ts';
import type { PosternBrokerOptions } from '../brokers/postern-broker.ts';
import { type MethodName, PREFIX, strategyOf } from '../methods/method.ts';
import { type BenchProcess, startProcess } from '../processes/child-process.ts';
import type { SampleSchema } from '../schema/sample-schema.ts';
import { dropDatabases, type ServerAddress } from '../server/bench-server.ts';
import type { Templates } from '../server/templates.ts';
import type { FileSample } from './file-sample.ts';

export interface Suite {
  readonly method: MethodName;
  readonly workers: number;
  /** Of all workers together. */
  readonly files: number;
  readonly thinkMs: number;
  readonly gapMs: number;
}

export interface SuiteResult {
  readonly samples: readonly FileSample[];
  /** From the start of the workers to the end of the last file. */
  readonly wallMs: number;
  /** From the template to the first database that is ready, before the workers start; 0 without a pool. */
  readonly prepareMs: number;
  /** What the pool of ours did. */
  readonly pool: PoolStatistics | undefined;
}

export interface CrewSettings {
  readonly address: ServerAddress;
  readonly templates: Templates;
  readonly schema: SampleSchema;
  /** Processes of workers. A suite with more workers has several in each. */
  readonly processes: number;
}

/** The processes that run suites: they stay for the whole bench, so that no method pays for starting or warming one. */
export interface Crew extends AsyncDisposable {
  run(suite: Suite): Promise<SuiteResult>;
}

export function startCrew({ address, templates, schema, processes: most }: CrewSettings): Crew {
  const folder = mkdtempSync(join(tmpdir(), 'pbs-'));
  let suites = 0;
  const brokers = {
    integresql: startProcess(new URL('../brokers/integresql-broker.ts', import.meta.url)),
    postern: startProcess(new URL('../brokers/postern-broker.ts', import.meta.url)),
  };
  const processes = Array.from({ length: most }, () => startProcess(new URL('worker.ts', import.meta.url)));
  const brokerOf = (method: MethodName): BenchProcess | undefined => {
    if (method.startsWith('integresql')) return brokers.integresql;
    return method.startsWith('postern') ? brokers.postern : undefined;
  };
  const openBroker = async ({ method, workers }: Suite): Promise<string | undefined> => {
    const integresql: IntegresqlPoolOptions = {
      address,
      template: templates.plain,
      strategy: strategyOf(method),
    };
    const postern: PosternBrokerOptions = {
      address,
      template: templates.resettable,
      workers,
      prefetch: method.endsWith('prefetch'),
      socket: join(folder, String(++suites)),
    };
    return await brokerOf(method)?.ask('open', method.startsWith('postern') ? postern : integresql);
  };
  return {
    async run(suite) {
      const { method, workers, files, thinkMs, gapMs } = suite;
      const crew = processes.slice(0, workers);
      const preparing = performance.now();
      const broker = await openBroker(suite);
      const prepareMs = broker === undefined ? 0 : performance.now() - preparing;
      let pool: PoolStatistics | undefined;
      try {
        const shared = { method, address, templates, ...(broker === undefined ? {} : { broker }) };
        const seats = Array.from({ length: workers }, (_, worker) => ({ ...shared, worker }));
        await Promise.all(
          crew.map((process, n) =>
            process.ask(
              'open',
              seats.filter(({ worker }) => worker % crew.length === n),
            ),
          ),
        );
        const started = performance.now();
        const shape = { files: Math.ceil(files / workers), thinkMs, gapMs, schema };
        const samples = await Promise.all(crew.map((process) => process.ask<FileSample[]>('run', shape)));
        const wallMs = performance.now() - started;
        await Promise.all(crew.map((process) => process.ask('close')));
        pool = await brokerOf(method)?.ask<PoolStatistics | undefined>('close');
        return { samples: samples.flat(), wallMs, prepareMs, pool };
      } finally {
        // Not part of anybody's time: the server is going to be thrown away.
        await dropDatabases(address, PREFIX);
      }
    },
    async [Symbol.asyncDispose]() {
      const all = [...processes, brokers.integresql, brokers.postern];
      await Promise.all(all.map((process) => process[Symbol.asyncDispose]()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
