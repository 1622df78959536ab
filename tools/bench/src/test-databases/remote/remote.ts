import { median } from '../../median.ts';
import { type BenchResult, type Report, record } from '../../tunnel/report/report.ts';
import { percentile } from '../../tunnel/report/samples.ts';
import { figure } from '../../tunnel/report/table.ts';
import type { Run } from '../run.ts';
import { REAL, type SchemaSize, sampleSchema } from '../schema/sample-schema.ts';
import { ratioTarget, type Target } from '../tables/targets.ts';
import { measureNaive, type NaiveTimes } from './naive.ts';
import { measureOurs, type OurTimes } from './ours.ts';
import { openSite } from './site.ts';

export interface RemoteSettings {
  readonly size: SchemaSize;
  readonly oneWayMs: readonly number[];
  readonly files: { readonly naive: number; readonly ours: number };
}

export function remoteSettings(quick: boolean): RemoteSettings {
  return quick
    ? { size: REAL, oneWayMs: [10], files: { naive: 3, ours: 10 } }
    : { size: REAL, oneWayMs: [10, 40], files: { naive: 15, ours: 60 } };
}

interface Distance {
  readonly oneWayMs: number;
  readonly naive: NaiveTimes;
  readonly ours: OurTimes;
}

/** At each distance: the naive way and ours, from the first migration to the last file. */
export async function measureRemote(report: Report, run: Run, settings: RemoteSettings): Promise<Target[]> {
  const schema = sampleSchema(settings.size);
  const distances: Distance[] = [];
  await record(report, 'remote', async () => {
    for (const oneWayMs of settings.oneWayMs) {
      run.signal.throwIfAborted();
      run.progress(`${oneWayMs} ms one way: starting the cloud, deploying the functions`);
      await using site = await openSite(schema, oneWayMs);
      const far = { ...run, progress: (text: string) => run.progress(`${oneWayMs} ms one way: ${text}`) };
      const naive = await measureNaive(site, schema, settings.files.naive, far);
      const ours = await measureOurs(site, schema, settings.files.ours, far);
      distances.push({ oneWayMs, naive, ours });
    }
    return remoteTable(distances, settings);
  });
  const farthest = distances.at(-1);
  return farthest === undefined ? [] : remoteTargets(farthest);
}

const LINES: readonly [name: string, of: (distance: Distance) => number][] = [
  ['template: node-pg-migrate over the tunnel', ({ naive }) => naive.templateMs],
  ['template: ours', ({ ours }) => ours.templateMs],
  ['of that: building the artefact here', ({ ours }) => ours.artefactMs],
  ['of that: the call of the function', ({ ours }) => ours.prepareMs],
  ['another run, the template exists', ({ ours }) => ours.runMs],
  ['host process and tunnel', ({ ours }) => ours.hostMs],
  ['a file: create and connect, naive, p50', ({ naive }) => median(naive.setupMs)],
  ['a file: leased from the pool, connect, p50', ({ ours }) => median(ours.coldMs)],
  ['a file: opened ahead, p50', ({ ours }) => median(ours.aheadMs)],
  ['a file: opened ahead, p95', ({ ours }) => percentile(ours.aheadMs, 0.95)],
  ['a file: opened ahead, max', ({ ours }) => percentile(ours.aheadMs, 1)],
  ['end of a file: drop, naive, p50', ({ naive }) => median(naive.dropMs)],
  ['end of a file: release, p50', ({ ours }) => median(ours.releaseMs)],
];

function remoteTable(distances: readonly Distance[], { size, files }: RemoteSettings): BenchResult {
  const [near, far] = [distances[0], distances.at(-1)];
  const slopes = near !== undefined && far !== undefined && near !== far;
  return {
    title: `Far away, through the tunnel (ms); ${size.migrations} migrations`,
    head: [
      '',
      ...distances.map(({ oneWayMs }) => `${oneWayMs} ms one way`),
      ...(slopes ? ['round trips'] : []),
    ],
    rows: LINES.map(([name, of]) => [
      name,
      ...distances.map((distance) => figure(of(distance))),
      ...(slopes ? [((of(far) - of(near)) / (2 * (far.oneWayMs - near.oneWayMs))).toFixed(1)] : []),
    ]),
    notes: [
      `Everything passes the delay: API calls, StartSession, the tunnel. Functions are beside the database. ${files.naive} files the naive way, ${files.ours} each of ours, one worker.`,
      'Round trips: how much longer it takes at the larger distance, divided by how much longer a round trip is there. Of single measurements (templates, host) it has an error of a few.',
    ],
    data: distances,
  };
}

function remoteTargets({ oneWayMs, naive, ours }: Distance): Target[] {
  const target = (name: string, limit: number, value: number): Target =>
    ratioTarget(`${2 * oneWayMs} ms round trip: ${name}`, limit, value, median(naive.setupMs));
  return [
    target('file opened ahead p50 / pgtestdb style', 0.1, median(ours.aheadMs)),
    target('file not opened ahead p50 / pgtestdb style', 0.35, median(ours.coldMs)),
    {
      name: `${2 * oneWayMs} ms round trip: calls of the function for template and first clone`,
      limit: 1,
      measured: ours.templateCalls,
      figures: `${figure(ours.templateMs)} / ${figure(naive.templateMs)}`,
    },
  ];
}
