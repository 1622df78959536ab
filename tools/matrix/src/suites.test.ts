import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runSuite } from './run-suite.ts';
import { databaseTests, variable } from './suites.ts';

test('tests that reach the variable are found, through fixtures and in spite of circles, others are not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-matrix-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'test/fixtures'), { recursive: true });
  const files = {
    'test/itself.test.ts': `process.env['${variable}'];`,
    'test/by-fixture.test.ts': `import { start } from './fixtures/cloud.ts';`,
    'test/writes-files.test.ts': `const text = "import { table } from './made.ts'";`,
    'test/unit.test.ts': `import { other } from './fixtures/other.ts';`,
    'test/fixtures/cloud.ts': `import {\n  start,\n} from './server.ts';`,
    'test/fixtures/server.ts': `import type { Cloud } from './cloud.ts';\nprocess.env['${variable}'];`,
    'test/fixtures/other.ts': `import { itself } from './other.ts';`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  expect(databaseTests(folder)).toEqual(['test/by-fixture.test.ts', 'test/itself.test.ts']);
});

test('a package in which no test would run has not passed', async () => {
  expect(await runSuite('/nowhere', [], 16, new AbortController().signal)).toMatchObject({ passed: false });
});
