import { startSsmSimulator } from '@postern/ssm-simulator';
import { expect, it } from 'vitest';
import { createSessionApi, type SessionApi, type SessionApiSettings } from '../src/aws/session-api.ts';

const never = new AbortController().signal;

async function apiFor(change: Partial<SessionApiSettings>): Promise<SessionApi> {
  return await createSessionApi({
    candidates: undefined,
    tags: undefined,
    documentName: 'AWS-StartPortForwardingSession',
    parameters: { portNumber: ['5432'], localPortNumber: ['0'] },
    reason: 'tests',
    streamEndpoint: undefined,
    region: 'eu-west-2',
    endpoint: undefined,
    useFipsEndpoint: undefined,
    proxy: undefined,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
    connectTimeoutMs: 5_000,
    ...change,
  });
}

it('finds all nodes that have all tags and are online, and none else', async () => {
  await using simulator = await startSsmSimulator();
  const wanted: string[] = [];
  for (let count = 0; count < 120; count++) {
    const instanceId = `${count % 2 === 0 ? 'i' : 'mi'}-${count.toString(16).padStart(17, '0')}`;
    const tags = { Role: 'bastion', Stage: count % 3 === 0 ? 'prod' : 'dev' };
    const pingStatus = count % 5 === 0 ? 'ConnectionLost' : 'Online';
    simulator.registerInstance({ instanceId, tags, pingStatus });
    if (tags.Stage === 'dev' && pingStatus === 'Online') wanted.push(instanceId);
  }
  const api = await apiFor({ endpoint: simulator.endpoint, tags: { Role: 'bastion', Stage: 'dev' } });
  expect((await api.targets(never)).toSorted()).toEqual(wanted.toSorted());
  const none = await apiFor({ endpoint: simulator.endpoint, tags: { Role: 'nobody' } });
  await expect(none.targets(never)).rejects.toMatchObject({ code: 'SSM_TARGET_NOT_FOUND' });
  api.destroy();
  none.destroy();
});

it('resumes a session until it is over, and ends it twice without complaint', async () => {
  await using simulator = await startSsmSimulator();
  simulator.registerInstance({ instanceId: 'i-0a1b2c3d4e5f60718' });
  const api = await apiFor({ endpoint: simulator.endpoint });
  const { sessionId, tokenValue } = await api.start('i-0a1b2c3d4e5f60718', never);
  const resumed = await api.resume(sessionId, never);
  expect(resumed).toMatchObject({ sessionId, streamUrl: expect.stringMatching(/^ws:/) });
  expect(resumed?.tokenValue).not.toBe(tokenValue);
  await api.terminate(sessionId, never);
  await api.terminate(sessionId, never);
  expect(await api.resume(sessionId, never)).toBeUndefined();
  expect(await api.resume('nobody-0123456789abcdef0', never)).toBeUndefined();
  await expect(api.start('i-00000000000000000', never)).rejects.toMatchObject({
    code: 'SSM_TARGET_NOT_CONNECTED',
  });
  api.destroy();
});
