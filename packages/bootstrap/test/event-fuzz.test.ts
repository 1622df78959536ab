import { newRunId } from '@postern/test-databases';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { allActions, parseRequest, type Request } from '../src/contract/request.ts';
import { BootstrapError } from '../src/errors.ts';
import { openArtefact } from '../src/runtime/artefact.ts';
import type { Send } from '../src/runtime/cloudformation.ts';
import type { ConnectMaster } from '../src/runtime/connection.ts';
import { createHandler, type Handler } from '../src/runtime/create-handler.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, masterOf } from './fixtures/function.ts';
import { mutate, randomFrom } from './fixtures/mutate.ts';
import { deploy } from './fixtures/service.ts';

/** `POSTERN_FUZZ_SEED=7 POSTERN_FUZZ_EVENTS=1000000 POSTERN_FUZZ_DEEP=2000` for more of it. */
const seed = Number(process.env['POSTERN_FUZZ_SEED'] || 20261123);
const events = Number(process.env['POSTERN_FUZZ_EVENTS'] || 100_000);
const deep = Number(process.env['POSTERN_FUZZ_DEEP'] || 60);

let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;
let requests: readonly Request[];
let valid: readonly object[];

beforeAll(async () => {
  [cluster, artefact] = await Promise.all([
    startCluster(),
    deploy([
      {
        declaration: { name: 'shop', roles: { shop_app: 'readwrite' } },
        migrations: { '0001_a.sql': '-- Up Migration\nCREATE TABLE a ();\n-- Down Migration\nDROP TABLE a;' },
      },
      { declaration: { name: 'club' }, migrations: { '0001_b.sql': 'CREATE TABLE b ();' } },
    ]),
  ]);
  const hash = artefact.built.manifest.databases.find(({ name }) => name === 'shop')?.templateHash ?? '';
  const run = newRunId();
  requests = [
    { action: 'ping' },
    { action: 'plan', databases: ['shop', 'club'] },
    { action: 'apply', databases: ['shop'], budgetMs: 10_000 },
    { action: 'status' },
    { action: 'migrate', databases: ['shop'], to: '0001_a', dryRun: true, budgetMs: 5 },
    { action: 'down', database: 'shop', count: 1, from: '0001_a', dryRun: true },
    { action: 'fake', database: 'shop', to: '0001_a' },
    { action: 'prune', databases: ['club'], dropDatabases: ['shop'], dryRun: true },
    { action: 'prepare', database: 'shop', hash, run, count: 1 },
    { action: 'prepare', database: 'shop', hash: 'ab'.repeat(32), run, count: 0 },
    { action: 'prepare', database: 'shop', hash, run, count: 1, first: 7 },
    {
      action: 'branch',
      database: 'shop',
      hash: 'cd'.repeat(32),
      run,
      from: `pt_${hash.slice(0, 8)}_r${run}_7`,
    },
    {
      action: 'prepare',
      database: 'shop',
      hash: 'cd'.repeat(32),
      run,
      count: 1,
      from: `pt_${hash.slice(0, 8)}_r${run}_7`,
    },
    { action: 'publish', database: 'shop', hash: 'ab'.repeat(32), run, count: 1, migrations: ['0001_a'] },
    { action: 'drop', run, databases: [`pt_${hash.slice(0, 8)}_r${run}_1`] },
    { action: 'drop', run, keep: [`pt_cdcdcdcd_r${run}_1`], keepMs: 60_000 },
    { action: 'sweep', dryRun: true },
  ];
  valid = [
    ...requests,
    ...requests.map((request) => ({ ...request, correlationId: 'pipeline-4711' })),
    ...requests.map((request) => ({ ...request, tf: { action: 'create', prev_input: null } })),
    { action: 'apply', tf: { action: 'delete', prev_input: { action: 'apply' } } },
    ...['Create', 'Update', 'Delete'].flatMap((RequestType) =>
      requests.map((ResourceProperties) => ({
        RequestType,
        ResponseURL: 'https://cloudformation-custom-resource-response-euwest2.s3.amazonaws.com/x?y=z',
        StackId: 'arn:aws:cloudformation:eu-west-2:123456789012:stack/s/guid',
        RequestId: 'b9a8f3c0-0000-4000-8000-000000000000',
        ResourceType: 'Custom::Postern',
        LogicalResourceId: 'Shop',
        PhysicalResourceId: 'p',
        ResourceProperties: { ServiceToken: 'arn:…', ServiceTimeout: '60', ...ResourceProperties },
        OldResourceProperties: {},
      })),
    ),
  ];
});
afterAll(async () => {
  await artefact?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

interface Outcome {
  /** What came back, or was thrown. */
  readonly answer: unknown;
  readonly thrown: boolean;
  /** Bodies that went to CloudFormation. */
  readonly told: readonly { readonly url: string; readonly body: string }[];
  /** The requests that reached the database. */
  readonly reached: boolean;
}

/** Typed: a code of ours, in whichever shape its caller reads. Never a bug, never silence. */
function complaint(event: unknown, { answer, thrown, told }: Outcome): string | undefined {
  const isCloudFormation =
    typeof event === 'object' &&
    event !== null &&
    Object.hasOwn(event, 'ResponseURL') &&
    Object.hasOwn(event, 'RequestType');
  if (thrown) {
    const { name, message } = answer as Error;
    if (!/^(BOOTSTRAP|TESTDB)_[A-Z_]+$/.test(name) || name === 'BOOTSTRAP_INTERNAL')
      return `threw ${name}: ${message}`;
    const allowed =
      isCloudFormation || (typeof event === 'object' && event !== null && Object.hasOwn(event, 'tf'));
    return allowed ? undefined : `threw at a caller of the contract: ${name}`;
  }
  if (isCloudFormation) {
    const [{ url, body } = { url: '', body: '{}' }, ...more] = told;
    const { Status, Reason } = JSON.parse(body) as { Status?: string; Reason?: string };
    if (more.length > 0) return 'answered twice';
    if (!url.startsWith('https://') || Buffer.byteLength(body) > 4096) return `answered ${url}: ${body}`;
    if (Status !== (answer as { status: string }).status)
      return `said ${JSON.stringify(answer)}, told ${Status}`;
    if (Status === 'SUCCESS') return undefined;
    return /^(BOOTSTRAP|TESTDB)_(?!INTERNAL)[A-Z_]+: /.test(Reason ?? '') ? undefined : `told ${Reason}`;
  }
  if (told.length > 0) return 'answered CloudFormation, which did not ask';
  const { ok, error } = answer as { ok: unknown; error?: { code: string; kind: string } };
  if (ok === true) return undefined;
  if (ok !== false || !/^(BOOTSTRAP|TESTDB)_[A-Z_]+$/.test(error?.code ?? ''))
    return `answered ${JSON.stringify(answer)}`;
  return error?.code === 'BOOTSTRAP_INTERNAL' ? `a bug: ${JSON.stringify(error)}` : undefined;
}

/** A handler that notes what it sends to whom. */
function watched(make: (send: Send) => Handler): { handle(event: unknown): Promise<Outcome>; reach(): void } {
  let told: { url: string; body: string }[] = [];
  let reached = false;
  const handler = make(async (url, { body }) => {
    told.push({ url, body });
    return { status: 200 };
  });
  return {
    reach: () => {
      reached = true;
    },
    handle: async (event) => {
      told = [];
      reached = false;
      const answer = await handler(event, { awsRequestId: 'r', getRemainingTimeInMillis: () => 60_000 }).then(
        (value) => ({ answer: value as unknown, thrown: false }),
        (error: unknown) => ({ answer: error, thrown: true }),
      );
      return { ...answer, told, reached };
    },
  };
}

test(`${events} mutated events: a typed refusal or the database, nothing else`, async () => {
  const opened = await openArtefact(artefact.folder);
  const unreachable = new BootstrapError('BOOTSTRAP_DATABASE_UNREACHABLE', 'reached');
  const fuzzed = watched((send) =>
    createHandler({
      environment: {
        POSTERN_DB_HOST: 'db.test',
        POSTERN_DB_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-2:123456789012:secret:master',
        POSTERN_ALLOWED_ACTIONS: allActions.join(','),
        POSTERN_TEST_DATABASES: 'true',
      },
      openArtefact: async () => opened,
      connector: async () => async () => {
        fuzzed.reach();
        throw unreachable;
      },
      log: () => undefined,
      now: () => 0,
      send,
    }),
  );
  const random = randomFrom(seed);
  let reached = 0;
  // Where an error was made takes longer than all the rest.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  onTestFinished(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });
  for (let n = 0; n < events; n++) {
    const event = mutate(random, valid);
    const outcome = await fuzzed.handle(event);
    const wrong = complaint(event, outcome);
    if (wrong !== undefined) expect.fail(`seed ${seed}, event ${n}: ${wrong}\n${JSON.stringify(event)}`);
    if (outcome.reached) reached++;
  }
  // Otherwise the mutations were too wild to say anything.
  expect(reached / events).toBeGreaterThan(0.05);
  expect(reached / events).toBeLessThan(0.9);
}, 600_000);

test(`${deep} of those that are accepted, on a real server: nothing of them is in the text of SQL`, async () => {
  const texts: string[] = [];
  const recorded: ConnectMaster = async (database, options) => {
    const session = await masterOf(cluster)(database, options);
    const query = session.query.bind(session) as (...args: unknown[]) => Promise<never>;
    const recording = async (...args: unknown[]): Promise<never> => {
      const [first] = args;
      texts.push(typeof first === 'string' ? first : String((first as { text?: string }).text));
      return await query(...args);
    };
    return Object.assign(session, { query: recording });
  };
  const lambda = createFunction(cluster, artefact.folder, {
    connect: recorded,
    environment: { POSTERN_ALLOWED_ACTIONS: allActions.join(',') },
  });
  await lambda.call({ action: 'apply' });

  // What is in the SQL of requests as they should be: our own words, and declared names.
  for (const request of requests) await lambda.invoke(request as never);
  const ours = new Set(texts.join(' ').match(/\w+/g));
  const random = randomFrom(seed);
  const seen = new Set<string>();
  const perAction = new Map<string, number>();
  let done = 0;
  for (let n = 0; done < deep; n++) {
    const event = mutate(random, requests);
    const { request } = parseRequest(event);
    const key = JSON.stringify(event);
    if (request === undefined || seen.has(key)) continue;
    seen.add(key);
    // Some actions survive a mutation more often than others.
    const times = (perAction.get(request.action) ?? 0) + 1;
    if (times > (deep / allActions.length) * 2) continue;
    perAction.set(request.action, times);
    done++;
    texts.length = 0;
    const answer = await lambda.invoke(request as never);
    const wrong = complaint(event, { answer, thrown: false, told: [], reached: true });
    if (wrong !== undefined) expect.fail(`seed ${seed}, event ${n}: ${wrong}\n${key}`);
    // Names of test databases are made of a hash and a run, which are letters and digits by contract.
    const sql = texts.join('\n').replaceAll(/pt[tb]?_[0-9a-f]{8,16}(?:_r[a-z0-9]{8,20}_\d{1,4})?/g, '');
    for (const text of strings(event)) {
      if (text.length >= 3 && !ours.has(text)) expect(hasWord(sql, text), `${key}: ${text}`).toBe(false);
    }
  }
  expect(perAction.size).toBeGreaterThanOrEqual(allActions.length - 1);
}, 600_000);

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
}

/** As a word: "hop", which is no database, is in every "shop". */
function hasWord(sql: string, text: string): boolean {
  const isPart = (char: string | undefined): boolean => char !== undefined && /[A-Za-z0-9_]/.test(char);
  for (let at = sql.indexOf(text); at >= 0; at = sql.indexOf(text, at + 1)) {
    if (!isPart(sql[at - 1]) && !isPart(sql[at + text.length])) return true;
  }
  return false;
}
