import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Report {
  testResults: { assertionResults: { ancestorTitles: string[]; title: string; status: string }[] }[];
}

it('a tunnel with a weakness of the official client fails the test that is named for it, and only that', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'));
  try {
    const report = join(folder, 'report.json');
    const vitest = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')));
    const args = [
      'run',
      '--config=test/fixtures/spoilt.config.ts',
      '--reporter=json',
      `--outputFile=${report}`,
    ];
    const filter = ['-t', 'line feed arrives|answer to a question|is an error of'];
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    await new Promise<void>((resolve) => {
      execFile(process.execPath, [vitest, ...args, ...filter], { cwd, timeout: 80_000 }, () => resolve());
    });
    const { testResults }: Report = JSON.parse(await readFile(report, 'utf8'));
    const failed = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === 'failed')
      .map(({ ancestorTitles, title }) => [ancestorTitles[0]?.replace('a tunnel through ', ''), title]);
    expect(failed).toEqual([
      ['one that turns a lone line feed into a carriage return', 'a lone line feed arrives as it was sent'],
      ['one that ends both ways at once', 'the answer to a question that ends at once is not lost'],
      [
        'one that takes a refusal for an end',
        'a refused port is an error of its connection, and the tunnel stays',
      ],
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 90_000);
