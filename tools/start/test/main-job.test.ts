import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clone, cloneRepository } from './clone.ts';

interface Report {
  steps: { name: string; ok: boolean; durationMs: number; detail: string }[];
  counters: {
    ssm: {
      startSessionCalls: number;
      openSessions: number;
      muxStreams: number;
      dialled: Record<string, number>;
    };
    front: { verifiedTokens: number; passwordLogins: number; byUser: Record<string, number> };
    host: { data: { accepted: number } };
    principals: Record<
      string,
      { policies: string[]; allowed: Record<string, number>; denied: Record<string, number> }
    >;
  };
  suite: { code: number; tests: number };
}

/** Small and quick: the main job is proven by one file as by all of them. */
const file = 'accounts';

let clone: Clone;
beforeEach(() => {
  clone = cloneRepository();
});
afterEach(() => clone.remove());

test('every connection of the suite is a stream of the one tunnel with a verified token of its own login', async () => {
  clone.write(
    'apps/ledger/test/integration/way.test.ts',
    `import { expect, test } from '@postern/vitest';
     import { Client } from 'pg';
     import { vi } from 'vitest';
     test('the server has seen these sessions and no others', async ({ database }) => {
       for (const role of ['ledger_app', 'ledger_readonly', 'ledger_app']) {
         const client = new Client(database.as(role));
         await client.connect();
         await client.end();
       }
       const client = new Client(database.as('ledger_app'));
       await client.connect();
       await vi.waitFor(async () => {
         const { rows } = await client.query(
           'SELECT sessions::int FROM pg_stat_database WHERE datname = current_database()');
         // Four of ours; the others are the master's, who made the clone.
         expect(rows[0].sessions).toBeGreaterThanOrEqual(4);
       }, 20_000);
       await client.end();
     });`,
  );
  const job = clone.start('--report', 'report.json', 'way.test');
  const { code, output } = await job.ended;
  expect(output).toContain('suite: 1 passed, 0 failed in 1 file (');
  expect(code).toBe(0);

  const { counters, steps, suite } = JSON.parse(clone.read('report.json')) as Report;
  const { ssm, front, host, principals } = counters;
  // The functions' own: the master's, and the migrators' for the migrations.
  const own = /^postern_master$|_migrator$/;
  const logins = Object.entries(front.byUser).filter(([user]) => !own.test(user));
  const migrators = Object.entries(front.byUser).filter(([user]) => user.endsWith('_migrator'));
  // One of the application's was opened ahead for a pool, which this test does not make.
  expect(Object.fromEntries(logins)).toEqual({ pt_lease: 2, pt_ledger_app: 4, pt_ledger_readonly: 1 });
  expect(ssm.startSessionCalls).toBe(1);
  // The host's own are the lease, a session for resets, and the question whether TLS may begin at once, which is no login;
  // the rest came in by the workers' socket.
  expect(host.data.accepted).toBe(5);
  expect(ssm.muxStreams).toBe(8);
  expect(front.verifiedTokens).toBe(7 + migrators.reduce((sum, [, logins]) => sum + logins, 0));
  // All of the suite's as the CI role, under the policies that Terraform gives it (tools/infra holds them together).
  expect(principals['role/postern-ci-local']).toEqual({
    policies: [
      'ci-connect',
      'ci-target-instance',
      'ci-test-databases',
      'ci-tunnel',
      'discover-cluster',
      'discover-jump-host',
      'discover-sessions',
    ],
    allowed: {
      'lambda:InvokeFunction': expect.any(Number),
      'rds-db:connect': 7,
      'rds:DescribeDBClusters': 1,
      'ssm:DescribeInstanceInformation': 1,
      'ssm:StartSession': 2, // the instance and the document
      'ssmmessages:OpenDataChannel': 1,
    },
    denied: {},
  });
  expect(Object.keys(principals).sort()).toEqual([
    'role/postern-bootstrap-local',
    'role/postern-ci-local',
    'role/postern-deploy-local',
    'role/postern-testdb-local',
  ]);
  expect(Object.values(principals).flatMap(({ denied }) => Object.keys(denied))).toEqual([]);
  const [destination, ...others] = Object.entries(ssm.dialled);
  expect(destination?.[0]).toMatch(/^postern-local\.cluster-\w+\.eu-west-2\.rds\.amazonaws\.com:\d+$/);
  expect([destination?.[1], others]).toEqual([8, []]);
  expect(suite).toMatchObject({ code: 0, tests: 1 });
  expect(steps.filter(({ ok }) => !ok)).toEqual([]);
  // The suite prepares its run with what has just been applied. Where the clone is so young that its files may not
  // have settled, the artefact is built again, and found to be the same.
  const [built, ...again] = steps.filter(({ name }) => ['build', 'deploy', 'bootstrap'].includes(name));
  expect(built?.name).toBe('build');
  expect(again.filter(({ name }) => name !== 'build').map(({ name }) => name)).toEqual([
    'deploy',
    'bootstrap',
  ]);
  for (const { detail } of again.filter(({ name }) => name === 'build'))
    expect(detail).toMatch(/, unchanged,/);
  expect(steps.find(({ name }) => name === 'prepare')?.detail).toMatch(
    /^ledger, new template, 1 database, 1 round trip$/,
  );
  expect(steps.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'cloud',
      'resolve',
      'build',
      'deploy',
      'tunnel',
      'bootstrap',
      'prepare',
      'suite',
      'stop',
    ]),
  );
  await clone.nothingLeft();
});

test('two clones of the repository run at once, each in a cloud of its own', async () => {
  const other = cloneRepository();
  try {
    const ends = await Promise.all([clone.start(file).ended, other.start(file).ended]);
    for (const { code, output } of ends) {
      expect(output).toMatch(/suite: \d+ passed, 0 failed in 1 file/);
      expect(code).toBe(0);
    }
    await clone.nothingLeft();
  } finally {
    await other.remove();
  }
});

describe('a main job that is cut off leaves nothing running, and the next one works', () => {
  test('by Ctrl-C while the suite runs', async () => {
    const job = clone.start(file);
    await job.printed('RUN ');
    job.killGroup('SIGINT');
    expect(await job.ended).toMatchObject({ code: 130 });
    await clone.nothingLeft();
    expect(await clone.start(file).ended).toMatchObject({ code: 0 });
  });

  test('by Ctrl-C while the cloud starts', async () => {
    const job = clone.start(file);
    await job.printed('cloud');
    job.killGroup('SIGINT');
    expect(await job.ended).toMatchObject({ code: 130 });
    await clone.nothingLeft();
  });

  test('by SIGTERM, which reaches only the command itself', async () => {
    const job = clone.start(file);
    await job.printed('RUN ');
    job.kill('SIGTERM');
    expect(await job.ended).toMatchObject({ code: 143 });
    await clone.nothingLeft();
  });

  test('by SIGKILL of everything in the terminal', async () => {
    const job = clone.start(file);
    await job.printed('RUN ');
    job.killGroup('SIGKILL');
    await job.ended;
    expect(await clone.start(file).ended).toMatchObject({ code: 0 });
    await clone.nothingLeft();
  });
});

describe('the exit code says that it did not work', () => {
  test('1 when a test fails', async () => {
    clone.write(
      'apps/ledger/test/integration/fails.test.ts',
      "import { expect, test } from '@postern/vitest';\ntest('fails', () => expect(1).toBe(2));\n",
    );
    const { code, output } = await clone.start('fails.test').ended;
    expect(output).toContain('suite: 0 passed, 1 failed in 1 file');
    expect(code).toBe(1);
    await clone.nothingLeft();
  });

  test('1 when no test ran', async () => {
    expect(await clone.start('no-such-file').ended).toMatchObject({ code: 1 });
    await clone.nothingLeft();
  });

  test('1 when a migration throws, with its file and the error of the server', async () => {
    clone.write(
      'apps/ledger/database/migrations/0099_broken.sql',
      'CREATE TABLE half (id int); SELECT no_such_thing;',
    );
    const { code, output } = await clone.start(file).ended;
    expect(output).toContain('0099_broken');
    expect(output).toContain('column "no_such_thing" does not exist');
    expect(output).toContain('Next step: ');
    expect(code).toBe(1);
    await clone.nothingLeft();
  });

  test('2 when the environment does not exist, with the names of those that do', async () => {
    const elsewhere = cloneRepository({ POSTERN_ENV: 'elsewhere' });
    try {
      const { code, output } = await elsewhere.start(file).ended;
      expect(output).toContain('elsewhere');
      expect(output).toContain('local');
      expect(output).toContain('Next step: ');
      expect(code).toBe(2);
      await elsewhere.nothingLeft();
    } finally {
      await elsewhere.remove();
    }
  });

  test('2 when the configuration is malformed, with all problems at once', async () => {
    clone.write(
      'postern.config.ts',
      "export default { environments: { local: { kind: 'local', postgres: 7 }, staging: { kind: 'aws' } } };\n",
    );
    const { code, output } = await clone.start(file).ended;
    expect(output).toContain('environments.local.postgres');
    expect(output).toContain('environments.staging.');
    expect(code).toBe(2);
    await clone.nothingLeft();
  });
});
