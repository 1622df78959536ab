import { expect, test } from 'vitest';
import { runUrlCommand, type UrlCommand } from './url-command.ts';

const url = 'postgres://shop_app:secret@127.0.0.1:5432/pt_one';

async function run(args: readonly string[], connect?: NonNullable<UrlCommand['connect']>) {
  const asked: unknown[] = [];
  let closed = 0;
  let [stdout, stderr] = ['', ''];
  const code = await runUrlCommand({
    args,
    cwd: '/workspace/apps/shop',
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    connect:
      connect ??
      (async (options) => ({
        databaseUrl: async (request) => {
          asked.push({ ...options, ...request });
          return { url };
        },
        close: async () => {
          closed += 1;
        },
      })),
  });
  return { code, stdout, stderr, asked, closed };
}

test('the URL alone is on stdout, for psql "$(npx postern-url …)"', async () => {
  expect(await run(['pt_one', 'shop_readonly'])).toEqual({
    code: 0,
    stdout: `${url}\n`,
    stderr: '',
    asked: [{ root: '/workspace/apps/shop', name: 'pt_one', role: 'shop_readonly' }],
    closed: 1,
  });
  expect((await run(['pt_one'])).asked).toEqual([{ root: '/workspace/apps/shop', name: 'pt_one' }]);
});

test('what stands in the way is told with the next step, and nothing is on stdout', async () => {
  const gone = Object.assign(new Error('pt_one is no test database that is in use or kept.'), {
    hint: 'Run the test again.',
  });
  let closed = false;
  const host = {
    databaseUrl: () => Promise.reject(gone),
    close: async () => {
      closed = true;
    },
  };
  expect(await run(['pt_one'], async () => host)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'postern-url: pt_one is no test database that is in use or kept.\nRun the test again.\n',
  });
  expect(closed).toBe(true);
  expect(await run(['pt_one'], () => Promise.reject(new Error('no host')))).toMatchObject({
    code: 1,
    stderr: 'postern-url: no host\n',
  });
});

test('wrong usage is told as such', async () => {
  for (const args of [[], ['--all'], ['pt_one', 'role', 'more']])
    expect(await run(args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('usage:') });
  expect(await run(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('usage:') });
});
