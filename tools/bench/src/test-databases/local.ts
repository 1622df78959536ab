import { type Report, record } from '../tunnel/report/report.ts';
import { startCrew } from './load/crew.ts';
import { loadTable, loadTargets } from './load/load-report.ts';
import { FULL_LOADS, type Load, QUICK_LOADS, runLoad } from './load/loads.ts';
import { METHODS, type MethodName } from './methods/method.ts';
import type { Run } from './run.ts';
import { REAL, type SchemaSize, sampleSchema } from './schema/sample-schema.ts';
import { startServer } from './server/bench-server.ts';
import { buildTemplates } from './server/templates.ts';
import { measureStrategies } from './tables/clone-strategies.ts';
import { measureColdStart } from './tables/cold-start.ts';
import { measureResetAndClone } from './tables/reset-and-clone.ts';
import {
  coldTable,
  coldTargets,
  resetTable,
  resetTargets,
  strategyTable,
  strategyTargets,
} from './tables/table-reports.ts';
import type { Target } from './tables/targets.ts';

export interface LocalSettings {
  readonly size: SchemaSize;
  readonly loads: readonly Load[];
  readonly methods: readonly MethodName[];
}

export function localSettings(quick: boolean): LocalSettings {
  return { size: REAL, loads: quick ? QUICK_LOADS : FULL_LOADS, methods: METHODS };
}

/** On a server beside us: the loads with all methods in turns, then what clones and resets cost by themselves. */
export async function measureLocal(report: Report, run: Run, settings: LocalSettings): Promise<Target[]> {
  await using stack = new AsyncDisposableStack();
  const { signal, progress } = run;
  const schema = sampleSchema(settings.size);
  progress('starting a server and building templates');
  const server = stack.use(await startServer());
  const place = { address: server.address, schema, templates: await buildTemplates(server.address, schema) };
  progress(`PostgreSQL ${server.version}, data ${server.inMemory ? 'in memory' : 'on disk'}`);

  const targets: Target[] = [];
  {
    const processes = Math.max(...settings.loads.map(({ workers }) => workers));
    await using crew = startCrew({ ...place, processes });
    signal.addEventListener('abort', () => void crew[Symbol.asyncDispose](), { once: true });
    for (const load of settings.loads) {
      await record(report, load.name, async () => {
        const result = await runLoad(crew, load, run, settings.methods);
        targets.push(...loadTargets(result));
        return loadTable(result);
      });
    }
  }
  await record(report, 'reset and clone', async () => {
    const timings = await measureResetAndClone(place, run);
    targets.push(...resetTargets(timings));
    return resetTable(timings);
  });
  await record(report, 'strategies', async () => {
    const timings = await measureStrategies(place, run);
    targets.push(...strategyTargets(timings, schema.name));
    return strategyTable(timings);
  });
  await record(report, 'cold start', async () => {
    const times = await measureColdStart(schema, run);
    targets.push(...coldTargets(times));
    return coldTable(times);
  });
  return targets;
}
