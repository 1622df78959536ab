import { setTimeout as delay } from 'node:timers/promises';
import { connectHost, type HostClient, pgConfig } from '@postern/connect/host';
import { openPrefetcher } from '@postern/test-databases';
import pg from 'pg';
import type { Run } from '../run.ts';
import { fileStatements, type SampleSchema } from '../schema/sample-schema.ts';
import { SESSIONS } from './naive.ts';
import type { Site } from './site.ts';

export interface OurTimes {
  /** The host process with its tunnel. */
  readonly hostMs: number;
  /** The first run: the artefact is built to know its hash, the function builds the template and clones from it. */
  readonly templateMs: number;
  readonly artefactMs: number;
  readonly prepareMs: number;
  /** Calls of the function until that was done. */
  readonly templateCalls: number;
  /** Another run, of which the template exists. */
  readonly runMs: number;
  /** A session as our configuration opens it (TLS, IAM token), and its first query. */
  readonly sessionMs: readonly number[];
  /** For each file, nothing opened ahead: a name from the pool, a session, its first query. */
  readonly coldMs: readonly number[];
  /** For each file, opened ahead while the one before runs. */
  readonly aheadMs: readonly number[];
  /** What a file waits for at its end. */
  readonly releaseMs: readonly number[];
}

interface Taken {
  readonly name: string;
  readonly client: pg.Client;
}

const ROLE = 'bench_app';
const SUITE_THINK_MS = 150;

/** The product as it is: its host process, its tunnel, its function, its pool. */
export async function measureOurs(
  site: Site,
  schema: SampleSchema,
  files: number,
  { signal, progress }: Run,
): Promise<OurTimes> {
  using _environment = environmentOf(site);
  progress('the host, its tunnel and the template');
  const started = performance.now();
  const phases = new Map<string, number>();
  await using host = await connectHost({
    root: site.root,
    environment: 'far',
    signal,
    onEvent: ({ phase, state, durationMs = 0 }) => {
      if (state === 'done' && !phases.has(phase)) phases.set(phase, durationMs);
    },
  });
  const hosted = performance.now();
  const callsBefore = callsOf(site);
  const first = await host.prepareRun({ database: 'bench', workers: 1 });
  const built = performance.now();
  const templateCalls = callsOf(site) - callsBefore;
  await host.releaseRun(first.run);
  const again = performance.now();
  const { run } = await host.prepareRun({ database: 'bench', workers: 1 });
  const runMs = performance.now() - again;

  let file = 0;
  const take = async (): Promise<Taken> => {
    // A key for each file: the part before the colon is the worker slot, which gets back what it had.
    const { name, roles } = await host.acquire({ run, key: `1:${++file}` });
    const user = roles[ROLE] ?? '';
    const client = new pg.Client(pgConfig(host, { database: name, user }));
    client.on('error', () => {});
    await client.connect();
    await client.query('SELECT 1');
    return { name, client };
  };
  const giveBack = async ({ name, client }: Taken): Promise<void> => {
    await client.end();
    await host.release({ run, name });
  };
  const suite = async (what: string, next: () => Promise<Taken>): Promise<[number[], number[]]> => {
    const [acquire, release] = [[] as number[], [] as number[]];
    for (let n = -1; n < files; n++) {
      signal.throwIfAborted();
      if (n % 10 === 0) progress(`${what}, file ${n + 1} of ${files}`);
      const wanted = performance.now();
      const taken = await next();
      if (n >= 0) acquire.push(performance.now() - wanted);
      for (const statement of fileStatements(schema, n + 1)) await taken.client.query(statement);
      await delay(SUITE_THINK_MS);
      const ending = performance.now();
      await giveBack(taken);
      if (n >= 0) release.push(performance.now() - ending);
    }
    return [acquire, release];
  };
  const sessionMs = await measureSessions(host, run);
  const [coldMs] = await suite('a session for each file', take);
  await using prefetcher = openPrefetcher({ take, giveBack });
  const [aheadMs, releaseMs] = await suite('opened ahead', () => prefetcher.next());
  return {
    hostMs: hosted - started,
    templateMs: built - hosted,
    artefactMs: phases.get('build') ?? Number.NaN,
    prepareMs: phases.get('prepare') ?? Number.NaN,
    templateCalls,
    runMs,
    sessionMs,
    coldMs,
    aheadMs,
    releaseMs,
  };
}

async function measureSessions(host: HostClient, run: string): Promise<number[]> {
  const { name, roles } = await host.acquire({ run, key: '1:sessions' });
  const times: number[] = [];
  for (let n = 0; n < SESSIONS; n++) {
    const opening = performance.now();
    const client = new pg.Client(pgConfig(host, { database: name, user: roles[ROLE] ?? '' }));
    client.on('error', () => {});
    await client.connect();
    await client.query('SELECT 1');
    times.push(performance.now() - opening);
    await client.end();
  }
  await host.release({ run, name });
  return times;
}

function callsOf({ cloud }: Site): number {
  return cloud.statistics().api['Lambda.Invoke'] ?? 0;
}

/** Variables with which the host acts as CI there; put back at the end. */
function environmentOf({ cloud, endpoint }: Site): Disposable {
  const variables = {
    ...cloud.environment('ci'),
    AWS_ENDPOINT_URL: endpoint,
    POSTERN_HOST_GRACE_MS: '0',
  };
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  Object.assign(process.env, variables);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    },
  };
}
