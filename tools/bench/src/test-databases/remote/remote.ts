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
  return remoteTargets(distances);
}

/** Whether it is a median, of which a slope says something, or a single measurement. */
type Line = readonly [name: string, kind: 'median' | 'single', of: (distance: Distance) => number];

const LINES: readonly Line[] = [
  ['template: node-pg-migrate over the tunnel', 'single', ({ naive }) => naive.templateMs],
  ['template: ours', 'single', ({ ours }) => ours.templateMs],
  ['of that: building the artefact here', 'single', ({ ours }) => ours.artefactMs],
  ['of that: the call of the function', 'single', ({ ours }) => ours.prepareMs],
  ['another run, the template exists', 'single', ({ ours }) => ours.runMs],
  ['host process and tunnel', 'single', ({ ours }) => ours.hostMs],
  ['a session and a query: pg as it comes, SCRAM', 'median', ({ naive }) => median(naive.sessionMs)],
  ['a session and a query: ours, IAM token', 'median', ({ ours }) => median(ours.sessionMs)],
  ['a file: create and connect, naive, p50', 'median', ({ naive }) => median(naive.setupMs)],
  ['a file: leased from the pool, connect, p50', 'median', ({ ours }) => median(ours.coldMs)],
  ['a file: opened ahead, p50', 'median', ({ ours }) => median(ours.aheadMs)],
  ['a file: opened ahead, p95', 'single', ({ ours }) => percentile(ours.aheadMs, 0.95)],
  ['a file: opened ahead, max', 'single', ({ ours }) => percentile(ours.aheadMs, 1)],
  ['end of a file: drop, naive, p50', 'median', ({ naive }) => median(naive.dropMs)],
  ['end of a file: release, p50', 'median', ({ ours }) => median(ours.releaseMs)],
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
    rows: LINES.map(([name, kind, of]) => [
      name,
      ...distances.map((distance) => figure(of(distance))),
      ...(slopes ? [kind === 'median' ? slope(near, far, of).toFixed(1) : ''] : []),
    ]),
    notes: [
      `Everything passes the delay: API calls, StartSession, the tunnel. Functions are beside the database. ${files.naive} files the naive way, ${files.ours} each of ours, one worker.`,
      'Round trips: how much longer it takes at the larger distance, divided by how much longer a round trip is there.',
    ],
    data: distances,
  };
}

function remoteTargets(distances: readonly Distance[]): Target[] {
  const [near, far] = [distances[0], distances.at(-1)];
  if (near === undefined || far === undefined) return [];
  const { oneWayMs, naive, ours } = far;
  const target = (name: string, limit: number, value: number): Target =>
    ratioTarget(`${2 * oneWayMs} ms round trip: ${name}`, limit, value, median(naive.setupMs));
  const trips = slope(near, far, (distance) => median(distance.ours.sessionMs));
  return [
    target('file opened ahead p50 / pgtestdb style', 0.1, median(ours.aheadMs)),
    target('file not opened ahead p50 / pgtestdb style', 0.35, median(ours.coldMs)),
    {
      name: 'round trips of a session and its first query, ours',
      limit: 4,
      measured: near === far ? Number.NaN : trips,
      figures: `${figure(median(ours.sessionMs))} at ${2 * oneWayMs} ms`,
    },
    {
      name: 'calls of the function for template and first clone',
      limit: 1,
      measured: ours.templateCalls,
      figures: `${figure(ours.templateMs)} / ${figure(naive.templateMs)}`,
    },
  ];
}

/** Round trips: how much longer it takes at the larger distance, divided by how much longer a round trip is there. */
function slope(near: Distance, far: Distance, of: (distance: Distance) => number): number {
  return (of(far) - of(near)) / (2 * (far.oneWayMs - near.oneWayMs));
}
