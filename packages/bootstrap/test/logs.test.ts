import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, type InProcessFunction } from './fixtures/function.ts';
import { deploy } from './fixtures/service.ts';

/** What the function writes while it works: for people, for queries, for metrics, and nothing that is in a row. */
const secret = 'ann@example.org';
let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;

const migrations = {
  '0001_users.sql': `CREATE TABLE users (email text UNIQUE, age int);
    INSERT INTO users VALUES ('${secret}', 5);
    DO $$ BEGIN RAISE NOTICE 'hello %', '${secret}'; RAISE WARNING '${secret}';
      FOR row IN 1..1000 LOOP RAISE NOTICE 'row %', row; END LOOP; END $$;`,
};
const failing = {
  'a duplicate key': `INSERT INTO users VALUES ('${secret}')`,
  'a value that does not fit': `INSERT INTO users (age) SELECT email::int FROM users`,
  'a message of its own': `DO $$ BEGIN RAISE EXCEPTION 'no: %', (SELECT email FROM users); END $$`,
  'a missing comma': `INSERT INTO users VALUES ('other' '${secret}')`,
  'a quote that nobody closes': `INSERT INTO users VALUES ('${secret}); -- ${'x'.repeat(600_000)}`,
  'an exception of 4 MB': `DO $$ BEGIN RAISE EXCEPTION '%', repeat('x y ', 1000000) || '${secret}'; END $$`,
  'an exception after notices': `DO $$ BEGIN FOR row IN 1..3 LOOP RAISE NOTICE 'x'; END LOOP; PERFORM 1 / 0; END $$`,
  'a check': `ALTER TABLE users ADD CHECK (age > 10)`,
};

beforeAll(async () => {
  [cluster, artefact] = await Promise.all([
    startCluster(),
    deploy([{ declaration: { name: 'mail', settings: { application_name: secret } }, migrations }]),
  ]);
});
afterAll(async () => {
  await artefact?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

/** Applies those migrations and one more that fails. */
async function fail(what: keyof typeof failing, environment = {}): Promise<InProcessFunction> {
  await using broken = await deploy([
    {
      declaration: { name: 'mail', settings: { application_name: secret } },
      migrations: { ...migrations, '0002_fails.sql': failing[what] },
    },
  ]);
  const lambda = createFunction(cluster, broken.folder, { environment });
  expect(await lambda.invoke({ action: 'apply' })).toMatchObject({
    ok: false,
    error: { code: 'BOOTSTRAP_MIGRATION_FAILED' },
  });
  return lambda;
}

describe('the log', () => {
  test('tells each statement and migration with the fields of Powertools, and no value of SQL', async () => {
    const lambda = createFunction(cluster, artefact.folder);
    await lambda.handle(
      { action: 'apply' },
      { awsRequestId: 'id-1', functionName: 'postern-bootstrap-test' },
    );
    const lines = lambda.logged.filter((line) => !('_aws' in line));
    for (const line of lines) {
      expect(line).toMatchObject({
        level: 'INFO',
        service: 'postern-bootstrap',
        function_name: 'postern-bootstrap-test',
        function_request_id: 'id-1',
        correlation_id: 'id-1',
        cold_start: true,
        action: 'apply',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      });
    }
    expect(lines.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['statement', 'migration', 'notice', 'done']),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ sql: `ALTER DATABASE "mail" SET application_name = '***'` }),
    );
    expect(JSON.stringify(lambda.logged)).not.toContain(secret);
    // Not a line for each row.
    expect(lines.filter(({ message }) => message === 'notice')).toMatchObject([
      { database: 'mail', migration: '0001_users', severity: 'NOTICE', count: 1001 },
      { database: 'mail', migration: '0001_users', severity: 'WARNING', count: 1 },
    ]);
    await lambda.handle({ action: 'ping' });
    expect(lambda.logged.at(-2)).toMatchObject({ message: 'done', cold_start: false });
  });

  test.each(Object.keys(failing) as (keyof typeof failing)[])(
    'of a migration that fails by %s says where, and not what is in the rows',
    async (what) => {
      const lambda = await fail(what);
      expect(lambda.logged.at(-2)).toMatchObject({
        level: 'ERROR',
        message: 'failed',
        error: {
          code: 'BOOTSTRAP_MIGRATION_FAILED',
          message: expect.stringContaining('0002_fails.sql'),
          details: { sqlState: expect.any(String) },
        },
      });
      expect(JSON.stringify(lambda.logged)).not.toContain(secret);
      // CloudWatch cuts a line at 256 kB.
      expect(JSON.stringify(lambda.logged.at(-2)).length).toBeLessThan(5_000);
    },
  );

  test('counts what a migration said that fails in the end', async () => {
    const lambda = await fail('an exception after notices');
    expect(
      lambda.logged.filter(({ message, migration }) => message === 'notice' && migration === '0002_fails'),
    ).toMatchObject([{ severity: 'NOTICE', count: 3 }]);
  });

  test('has everything where it is asked for', async () => {
    const lambda = await fail('a duplicate key', { POSTERN_LOG_SQL: 'full' });
    expect(JSON.stringify(lambda.logged.at(-2))).toContain(`Key (email)=(${secret}) already exists`);
  });
});

describe('the metrics', () => {
  test('are read by CloudWatch from the log: embedded metric format, by function and action', async () => {
    const failed = await fail('a check');
    const lambda = createFunction(cluster, artefact.folder);
    await lambda.handle({ action: 'ping' }, { functionName: 'postern-bootstrap-test' });
    await lambda.handle({ action: 'nonsense' });
    const found = [...failed.logged, ...lambda.logged].filter((line) => '_aws' in line).flatMap(readEmf);
    expect(found).toMatchObject([
      {
        namespace: 'Postern',
        dimensions: { function_name: 'local', action: 'apply' },
        values: { Failures: [1, 'Count'], Migrations: [0, 'Count'], Statements: [0, 'Count'] },
      },
      {
        dimensions: { function_name: 'postern-bootstrap-test', action: 'ping' },
        values: { Failures: [0, 'Count'], Duration: [expect.any(Number), 'Milliseconds'] },
      },
      { dimensions: { action: 'none' }, values: { Failures: [1, 'Count'] } },
    ]);
  });
});

interface Metrics {
  readonly namespace: string;
  readonly dimensions: Record<string, string>;
  readonly values: Record<string, [number, string]>;
}

const units =
  /^(?:None|Percent|Count(?:\/Second)?|Seconds|Microseconds|Milliseconds|(?:Kilo|Mega|Giga|Tera)?(?:bytes|Bytes|Bits|bits)(?:\/Second)?)$/;

/** Reads a line as CloudWatch does, by the rules of its specification and of the schema in it. Throws where CloudWatch would drop it. */
function readEmf(line: Record<string, unknown>): Metrics[] {
  const text = JSON.stringify(line);
  const must = (holds: boolean, rule: string): void => {
    if (!holds) throw new Error(`${rule}: ${text}`);
  };
  must(Buffer.byteLength(text) <= 1024 * 1024 && !text.includes('\n'), 'one event of at most 1 MB');
  const { Timestamp, CloudWatchMetrics } = line['_aws'] as {
    Timestamp: unknown;
    CloudWatchMetrics: {
      Namespace: string;
      Dimensions: string[][];
      Metrics: { Name: string; Unit?: string }[];
    }[];
  };
  must(Number.isInteger(Timestamp), 'Timestamp is an integer of milliseconds');
  must(Math.abs((Timestamp as number) - Date.now()) < 2 * 3_600_000, 'Timestamp is of now, in milliseconds');
  must(Array.isArray(CloudWatchMetrics), 'CloudWatchMetrics is a list');
  return CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics: definitions }) => {
    must(typeof Namespace === 'string' && /^[^:].{0,254}$/.test(Namespace), 'Namespace');
    must(Array.isArray(Dimensions) && Dimensions.length > 0, 'Dimensions is a list of lists');
    must(Array.isArray(definitions) && definitions.length <= 100, 'at most 100 metrics');
    const values: Record<string, [number, string]> = {};
    for (const { Name, Unit = 'None' } of definitions) {
      must(typeof Name === 'string' && Name.length > 0 && Name.length <= 1024, 'Name');
      must(units.test(Unit), 'Unit');
      must(typeof line[Name] === 'number' && Number.isFinite(line[Name]), `${Name} is a number at the top`);
      values[Name] = [line[Name] as number, Unit];
    }
    return Dimensions.map((set) => {
      must(Array.isArray(set) && set.length <= 30, 'at most 30 dimensions');
      const dimensions = set.map((name) => {
        const value = line[name];
        must(
          typeof value === 'string' && value.length > 0 && value.length <= 1024,
          `${name} is a text at the top`,
        );
        return [name, value as string];
      });
      return { namespace: Namespace, dimensions: Object.fromEntries(dimensions), values };
    });
  });
}
