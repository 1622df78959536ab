import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SSMClient, StartSessionCommand } from '@aws-sdk/client-ssm';
import { expect, test } from 'vitest';
import { spawnSsmSimulator } from '../src/process/index.ts';
import { echo } from './destinations.ts';
import { type Access, jumpHost, RawClient, waitFor } from './raw-client.ts';
import { frameTexts, psh, syn } from './raw-envelope.ts';

const startOver = async (endpoint: string, port: number): Promise<Access> => {
  const ssm = new SSMClient({
    endpoint,
    region: 'eu-west-2',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' },
  });
  return (await ssm.send(
    new StartSessionCommand({
      Target: jumpHost,
      DocumentName: 'AWS-StartPortForwardingSession',
      Reason: 'a test',
      Parameters: { portNumber: [String(port)] },
    }),
  )) as Access;
};

test('a simulator in another process takes faults and tells what happened', async () => {
  await using server = await echo();
  await using simulator = await spawnSsmSimulator({ agent: { pacing: false } });
  await simulator.registerInstance({ instanceId: jumpHost });
  const access = await startOver(simulator.endpoint, server.port);
  const client = await RawClient.ready(access);
  const noise = await simulator.faults.noise({ duplicate: 1, direction: 'to-client' });
  client.data(syn(3), psh(3, 'hello'));
  await waitFor(() => (client.repeats.length > 0 ? true : undefined));
  await noise.stop();
  expect(frameTexts(client.output)).toEqual(['PSH 3 hello']);
  expect(await simulator.sessions()).toEqual([
    {
      sessionId: access.SessionId,
      target: jumpHost,
      reason: 'a test',
      state: 'Connected',
      clientVersion: '1.2.677.0',
    },
  ]);
  await simulator.assertNoViolations();
  client.socket.send('not binary');
  await waitFor(async () => ((await simulator.violations()).length === 1 ? true : undefined));
  await expect(simulator.assertNoViolations()).rejects.toMatchObject({
    code: 'SSM_SIMULATOR_VIOLATIONS',
    violations: [{ kind: 'not-binary' }],
  });
  expect((await simulator.statistics()).messagesDuplicated).toBeGreaterThan(0);
  expect((await simulator.usage()).cpuMs).toBeGreaterThan(0);
});

test('an error of the other process is the error that it would be here', async () => {
  await expect(spawnSsmSimulator({ region: 'nowhere' })).rejects.toMatchObject({
    code: 'SSM_SIMULATOR_OPTIONS_INVALID',
  });
  await using simulator = await spawnSsmSimulator();
  await expect(simulator.faults.cutChannel('unknown')).rejects.toMatchObject({
    code: 'SSM_SIMULATOR_SESSION_UNKNOWN',
  });
  process.kill(simulator.pid, 'SIGKILL');
  await expect(
    (async () => {
      for (;;) await simulator.statistics();
    })(),
  ).rejects.toMatchObject({ code: 'SSM_SIMULATOR_PROCESS_ENDED' });
});

test('an abort ends the other process', async () => {
  const abort = new AbortController();
  const simulator = await spawnSsmSimulator({}, { signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(
    (async () => {
      for (;;) await simulator.statistics();
    })(),
  ).rejects.toThrow('enough');
  await simulator.close();
});

test('any language drives it by lines of JSON, and it ends with its input', async () => {
  const main = fileURLToPath(new URL('../src/process/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@postern/source', main], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 20_000,
  });
  const answers: unknown[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => answers.push(JSON.parse(line)));
  for (const call of [
    '{"id":1,"call":"statistics"}',
    '{"id":2,"call":"start","arguments":[{"agent":{"pacing":false}}]}',
    `{"id":3,"call":"registerInstance","arguments":[{"instanceId":"${jumpHost}"}]}`,
    '{"id":4,"call":"faults.noise","arguments":[{"drop":0.02,"seed":7}]}',
    '{"id":5,"call":"end","arguments":[1]}',
    '{"id":6,"call":"faults.explode"}',
    'what?',
  ])
    child.stdin.write(`${call}\n`);
  await waitFor(() => (answers.length === 7 ? true : undefined));
  expect(answers).toEqual([
    { id: 1, error: { message: 'the first call has to be start' } },
    {
      id: 2,
      value: { endpoint: expect.stringMatching(/^http:/), region: 'eu-west-2', accountId: '123456789012' },
    },
    { id: 3 },
    { id: 4, value: { handle: 1 } },
    { id: 5 },
    { id: 6, error: { message: 'there is no fault explode' } },
    { id: 0, error: { message: expect.stringContaining('JSON') } },
  ]);
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});
