import { median } from '../../median.ts';
import type { BenchResult } from '../../tunnel/report/report.ts';
import { percentile } from '../../tunnel/report/samples.ts';
import { figure } from '../../tunnel/report/table.ts';
import type { MethodName } from '../methods/method.ts';
import { ratioTarget, type Target } from '../tables/targets.ts';
import type { LoadResult, MethodResult } from './loads.ts';

const OURS: MethodName = 'postern, reset + prefetch';

/** The table of one load. */
export function loadTable({ load, methods }: LoadResult): BenchResult {
  const { workers, thinkMs, gapMs, rounds } = load;
  return {
    title: `${load.name}: ${workers} workers, files of ${thinkMs} ms, ${gapMs} ms between them`,
    head: ['ms', 'files', 'p50', 'p95', 'p99', 'max', 'own query p50', 'release p50', 'suite, ms a file'],
    rows: methods.map((result) => {
      const acquire = acquireOf(result);
      const own = result.samples.map(({ firstStatementMs }) => firstStatementMs);
      const release = result.samples.map(({ releaseMs }) => releaseMs);
      return [
        result.method,
        String(acquire.length),
        ...[0.5, 0.95, 0.99, 1].map((share) => figure(percentile(acquire, share))),
        figure(median(own)),
        figure(median(release)),
        figure(median(result.wallPerFileMs)),
      ];
    }),
    notes: [
      `${rounds.main} rounds in which all methods take turns. p50 to max: from wanting a database to a session in it that has answered. Own query: to the answer to the file's own first statement. Suite: its wall time divided by its files, median of the rounds.`,
      ...methods.flatMap(poolNote),
    ],
    data: { load, methods },
  };
}

function poolNote({ method, pool, prepareMs }: MethodResult): string[] {
  const first = `first database ready after ${figure(median(prepareMs))} ms`;
  if (method.startsWith('integresql')) return [`${method}: ${first}.`];
  if (!method.startsWith('postern')) return [];
  const discards = Object.entries(pool.discards).map(([reason, count]) => `${count} ${reason}`);
  const replaced = discards.length === 0 ? 'none' : discards.join(', ');
  return [`${method}: ${first}; cloned ${pool.cloned}, reset ${pool.reset}, discarded ${replaced}.`];
}

/** The targets that a load is about. */
export function loadTargets({ load, methods }: LoadResult): Target[] {
  const find = (name: MethodName): MethodResult | undefined => methods.find(({ method }) => method === name);
  const at = (name: MethodName, share: number): number => percentile(acquireOf(find(name)), share);
  const wall = (name: MethodName): number => median(find(name)?.wallPerFileMs ?? []);
  const target = (name: string, limit: number, ours: number, theirs: number): Target =>
    ratioTarget(`${load.name}: ${name}`, limit, ours, theirs);
  switch (load.name) {
    case 'kept up':
      return [
        target('acquire p50 / pgtestdb p50', 0.01, at(OURS, 0.5), at('pgtestdb', 0.5)),
        target('acquire p50 / integresql p50', 0.05, at(OURS, 0.5), at('integresql', 0.5)),
        target('acquire p99 / pgtestdb p50', 0.3, at(OURS, 0.99), at('pgtestdb', 0.5)),
      ];
    case 'busy':
      return [
        target('acquire p50 / pgtestdb p50', 0.1, at(OURS, 0.5), at('pgtestdb', 0.5)),
        target('suite wall / pgtestdb', 0.4, wall(OURS), wall('pgtestdb')),
        target('suite wall / integresql', 0.5, wall(OURS), wall('integresql')),
      ];
    default:
      return [
        target('acquire p50 / pgtestdb p50', 0.25, at(OURS, 0.5), at('pgtestdb', 0.5)),
        target('acquire p50 / integresql p50', 0.2, at(OURS, 0.5), at('integresql', 0.5)),
        target('acquire p99 / integresql p99', 0.3, at(OURS, 0.99), at('integresql', 0.99)),
      ];
  }
}

function acquireOf(result: MethodResult | undefined): number[] {
  return result?.samples.map(({ acquireMs }) => acquireMs) ?? [];
}
