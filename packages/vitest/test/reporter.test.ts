import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectHost } from '@postern/connect/host';
import { afterEach, expect, test } from 'vitest';
import type { Report } from '../src/reporter/report.ts';
import { type InlineProject, inlineProject, shop, withPlugin } from './inline-project.ts';

let project: InlineProject | undefined;
afterEach(async () => {
  await project?.remove({ keeping: true });
  project = undefined;
});

const header = `import { expect, test } from '@postern/vitest';`;

test('a run of two shards is told by each, and by both together after the merge', async () => {
  project = await inlineProject({
    ...shop,
    ...withPlugin('{ reporter: { json: true } }'),
    'apps/shop/test/a-reads.test.ts': `${header}
      test('reads', async ({ sql }) => {
        for (let i = 0; i < 5; i += 1) await sql\`SELECT \${i}::int AS n\`;
      });
      test('is refused', async ({ pool }) => {
        await expect(pool.query('SELECT nothing')).rejects.toThrow();
      });
      test('leaves itself out', ({ skip }) => skip('so that the report has a skipped test to count'));
    `,
    'apps/shop/test/b-fails.test.ts': `${header}
      test('leaves a transaction open', async ({ pool }) => {
        const client = await pool.connect();
        await client.query('BEGIN');
      });
      test('fails', async ({ sql }) => {
        expect(await sql\`SELECT 1 AS n\`).toEqual([{ n: '</script><b>2' }]);
      });
    `,
  });
  const { root, start } = project;
  // Present all the time: the shards share its host, which is not what this is about.
  await using bystander = await connectHost({ root });
  const shard = async (index: number): Promise<{ output: string; report: Report }> => {
    const { output } = await start({
      args: ['--reporter=default', '--reporter=blob', `--shard=${index}/2`],
      env: { GITHUB_STEP_SUMMARY: join(root, 'summary.md') },
    }).ended;
    return { output, report: await readReport(root) };
  };
  const shards = [await shard(1), await shard(2)];
  // vitest gives files to shards by a hash of their path.
  const [first, second] = shards[0]?.report.state === 'passed' ? shards : shards.toReversed();
  if (first === undefined || second === undefined) throw new Error('unreachable');

  expect(first.report).toMatchObject({
    state: 'passed',
    runs: [{ shard: expect.stringMatching(/^[12]\/2$/) }],
    totals: {
      files: 1,
      tests: 3,
      passed: 2,
      skipped: 1,
      queries: 6,
      errors: 1,
      phases: { acquire: { count: 1 } },
    },
    files: [{ file: 'test/a-reads.test.ts', worker: 1, databases: [expect.stringMatching(/^pt_/)] }],
  });
  expect(first.report.runs[0]?.host.map(({ phase }) => phase)).toContain('prepare');
  const [file] = first.report.files;
  expect(file?.tests[0]?.start).toBeGreaterThan(file?.start ?? Number.NaN);
  expect(file?.spans.map(({ phase }) => phase)).toEqual(
    expect.arrayContaining(['import', 'acquire', 'connect', 'reset']),
  );
  expect(first.output).toMatch(/Postern {2}1 file on 1 worker in/);
  expect(first.output).toMatch(/statements {2}6 statements in 6 round trips, 1 refused/);
  expect(first.output).toMatch(/report {2}.*postern-report\/index\.html/);

  expect(second.report).toMatchObject({
    state: 'failed',
    leaks: [
      {
        kind: 'transaction',
        role: 'shop_app',
        stack: [expect.stringMatching(/^test\/b-fails\.test\.ts:\d/)],
      },
    ],
    fallbacks: [],
    kept: [{ open: expect.stringMatching(/^psql "\$\(npx postern-url pt_\w+\)"$/) }],
  });

  const merged = await start({ args: [`--merge-reports=${join(root, 'apps/shop/.vitest/blob')}`] }).ended;
  expect(merged.output).toMatch(/Postern {2}2 files on 2 workers in/);
  const together = await readReport(root);
  expect(together.runs.map(({ shard: name }) => name).toSorted()).toEqual(['1/2', '2/2']);
  expect(together.totals).toMatchObject({ files: 2, tests: 5, failed: 1 });
  expect(together.runs.flatMap(({ host }) => host).filter(({ phase }) => phase === 'prepare')).toHaveLength(
    2,
  );
  for (const run of together.runs) expect(run.durationMs).toBeLessThanOrEqual(together.durationMs);

  const page = await readFile(join(root, 'apps/shop/postern-report/index.html'), 'utf8');
  const summary = await readFile(join(root, 'summary.md'), 'utf8');
  expect(page).toContain('Leaked sessions');
  expect(summary.match(/^### /gm)).toHaveLength(2);
  for (const text of [page, summary, first.output, second.output]) {
    expect(text).not.toMatch(/X-Amz-Signature|postgres(?:ql)?:\/\/[^\s"<]*:[^\s"<]*@/i);
  }
  expect(bystander.info.environment).toBe('local');
});

async function readReport(root: string): Promise<Report> {
  return JSON.parse(await readFile(join(root, 'apps/shop/postern-report/report.json'), 'utf8')) as Report;
}
