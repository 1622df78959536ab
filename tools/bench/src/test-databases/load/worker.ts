import { setTimeout as delay } from 'node:timers/promises';
import type { Method, MethodSettings } from '../methods/method.ts';
import { openMethod } from '../methods/open-method.ts';
import { serveParent } from '../processes/child-process.ts';
import { fileStatements, type SampleSchema } from '../schema/sample-schema.ts';
import type { FileSample, SuiteShape } from './file-sample.ts';

// A process that stands for a worker of a test runner, or for several: each runs files, one after the other.

interface Seat {
  readonly worker: number;
  readonly method: Method;
}

let seats: readonly Seat[] = [];

serveParent({
  async open(settings: readonly MethodSettings[]): Promise<void> {
    seats = await Promise.all(
      settings.map(async (each) => ({ worker: each.worker, method: await openMethod(each) })),
    );
  },
  async run(shape: SuiteShape & { schema: SampleSchema }): Promise<FileSample[]> {
    const samples = await Promise.all(seats.map((seat) => runSuite(seat, shape)));
    return samples.flat();
  },
  async close(): Promise<void> {
    const opened = seats;
    seats = [];
    await Promise.all(opened.map(({ method }) => method[Symbol.asyncDispose]()));
  },
});

async function runSuite(
  { worker, method }: Seat,
  { schema, files, gapMs, thinkMs }: SuiteShape & { schema: SampleSchema },
): Promise<FileSample[]> {
  const samples: FileSample[] = [];
  for (let file = 0; file < files; file++) {
    if (gapMs > 0) await delay(gapMs);
    samples.push(await runFile(method, fileStatements(schema, worker * 1000 + file), thinkMs));
  }
  return samples;
}

async function runFile(from: Method, statements: readonly string[], thinkMs: number): Promise<FileSample> {
  const wanted = performance.now();
  const database = await from.acquire();
  const acquireMs = performance.now() - wanted;
  let firstStatementMs: number | undefined;
  for (const statement of statements) {
    await database.client.query(statement);
    firstStatementMs ??= performance.now() - wanted;
  }
  if (thinkMs > 0) await delay(thinkMs);
  const ending = performance.now();
  await database.release();
  return {
    acquireMs,
    firstStatementMs: firstStatementMs ?? acquireMs,
    releaseMs: performance.now() - ending,
  };
}
