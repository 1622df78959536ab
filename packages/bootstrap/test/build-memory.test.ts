import {
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';
import { expect, test } from 'vitest';
import { buildArtifact } from '../src/build/index.ts';
import { deployToCloud } from './fixtures/cloud.ts';
import { shop, writeWorkspace } from './fixtures/service.ts';

test('everything is created and migrated in a function of 128 MB', async () => {
  await using workspace = await writeWorkspace([shop]);
  const { zip } = await buildArtifact({ root: workspace.root });
  await using deployed = await deployToCloud(zip);
  const { endpoint, region, functions } = deployed.cloud;
  const lambda = new LambdaClient({ endpoint, region, credentials: deployed.cloud.credentials('deploy') });
  try {
    const FunctionName = functions.bootstrap;
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, MemorySize: 128 }));
    await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30 }, { FunctionName });
    for (const action of ['apply', 'status']) {
      const { Payload, LogResult } = await lambda.send(
        new InvokeCommand({
          FunctionName,
          LogType: 'Tail',
          Payload: Buffer.from(JSON.stringify({ action })),
        }),
      );
      expect(JSON.parse(Buffer.from(Payload ?? []).toString())).toMatchObject({ ok: true });
      const log = Buffer.from(LogResult ?? '', 'base64').toString();
      const [, used = ''] = /Max Memory Used: (\d+) MB/.exec(log) ?? [];
      expect(Number(used)).toBeGreaterThan(0);
      expect(Number(used)).toBeLessThan(128);
    }
  } finally {
    lambda.destroy();
  }
});
