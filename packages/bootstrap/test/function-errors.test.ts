import { LambdaClient, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DeployedCloud, deployToCloud } from './fixtures/cloud.ts';

/** Functions that end without an answer, in the local cloud's Lambda. */
let deployed: DeployedCloud;
const zip = (code: string): Uint8Array => zipSync({ 'index.mjs': Buffer.from(code) });

beforeAll(async () => {
  deployed = await deployToCloud(zip('export const handler = async () => 1;'), { timeoutS: 1 });
});
afterAll(async () => {
  await deployed?.[Symbol.asyncDispose]();
});

test.each([
  [
    'runs out of time',
    'export const handler = () => new Promise((r) => setTimeout(r, 60_000));',
    'BOOTSTRAP_FUNCTION_TIMEOUT',
  ],
  ['exits', 'export const handler = () => process.exit(3);', 'BOOTSTRAP_FUNCTION_CRASHED'],
  ['throws', `export const handler = () => { throw new TypeError('boom'); };`, 'BOOTSTRAP_FUNCTION_CRASHED'],
  ['cannot be loaded', `import './missing.mjs'; export const handler = 1;`, 'BOOTSTRAP_FUNCTION_CRASHED'],
  ['has no handler', 'export const other = 1;', 'BOOTSTRAP_FUNCTION_CRASHED'],
  [
    'answers something else',
    'export const handler = async () => ({ statusCode: 200 });',
    'BOOTSTRAP_RESPONSE_INVALID',
  ],
])('a function that %s is told by its code', async (_what, code, expected) => {
  await deployed.updateCode(zip(code));
  await using bootstrap = deployed.client('bootstrap');
  await expect(bootstrap.apply()).rejects.toMatchObject({ name: 'BootstrapError', code: expected });
});

test('a function that eats its memory is told by its code', async () => {
  await deployed.updateCode(
    zip(
      'export const handler = async () => { const kept = []; for (;;) kept.push(Buffer.alloc(8e6, kept.length)); };',
    ),
  );
  const { endpoint, region, functions } = deployed.cloud;
  const lambda = new LambdaClient({ endpoint, region, credentials: deployed.cloud.credentials('deploy') });
  await lambda.send(
    new UpdateFunctionConfigurationCommand({
      FunctionName: functions.bootstrap,
      Timeout: 60,
      MemorySize: 128,
    }),
  );
  lambda.destroy();
  await using bootstrap = deployed.client('bootstrap');
  await expect(bootstrap.apply()).rejects.toMatchObject({ code: 'BOOTSTRAP_FUNCTION_OUT_OF_MEMORY' });
});
