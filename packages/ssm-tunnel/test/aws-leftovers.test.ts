import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SsmApiError, type SsmSimulator, startSsmSimulator } from '@postern/ssm-simulator';
import { describe, expect, it } from 'vitest';
import {
  endLeftoverSessions,
  findLeftoverSessions,
  type LeftoverOptions,
} from '../src/aws/leftover-sessions.ts';
import { thisProcess } from '../src/aws/process-identity.ts';
import { markReason } from '../src/aws/session-mark.ts';

const target = 'i-0a1b2c3d4e5f60718';
const session = {
  Target: target,
  DocumentName: 'AWS-StartPortForwardingSession',
  Parameters: { portNumber: ['5432'], localPortNumber: ['0'] },
};
const caller = { arn: 'arn:aws:iam::123456789012:user/test', userId: 'AIDATEST', sessionName: 'test' };

interface Setup extends AsyncDisposable {
  simulator: SsmSimulator & { endpoint: string };
  options: LeftoverOptions;
  /** A session as this package would have started it, or with that reason. Its id. */
  start(reason: string): Promise<string>;
}

async function setUp(): Promise<Setup> {
  const simulator = await startSsmSimulator();
  simulator.registerInstance({ instanceId: target });
  return {
    simulator,
    options: {
      region: 'eu-west-2',
      endpoint: simulator.endpoint,
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
    },
    async start(reason) {
      const started = await simulator.handleApi('StartSession', { ...session, Reason: reason }, caller);
      return (started as { SessionId: string }).SessionId;
    },
    [Symbol.asyncDispose]: () => simulator.close(),
  };
}

const gone = { ...thisProcess(), start: '1' };
const ids = (sessions: readonly { sessionId: string }[]) => sessions.map(({ sessionId }) => sessionId);

describe('sessions of a killed process', () => {
  it('are found and ended by the next one', async () => {
    await using setup = await setUp();
    const script = fileURLToPath(new URL('./fixtures/forgetful-process.ts', import.meta.url));
    const options = { ...setup.options, target, remotePort: 5432, reason: 'nightly' };
    const child = spawn(process.execPath, ['--conditions=@postern/source', script, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(child.stdout, 'data');
    const sessionId = String(line).trim();
    const mine = { ...setup.options, reason: 'nightly' };
    expect(await findLeftoverSessions(mine)).toEqual([]); // it lives
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await findLeftoverSessions(mine)).toEqual([
      { sessionId, target, startedAt: expect.any(Date), pid: child.pid },
    ]);
    expect(await findLeftoverSessions(setup.options)).toEqual([]); // another reason
    expect(ids(await endLeftoverSessions(mine))).toEqual([sessionId]);
    expect(await endLeftoverSessions(mine)).toEqual([]);
    expect(setup.simulator.statistics().openSessions).toBe(0);
  });

  it('are told from those of the living, of other machines, of other reasons and of other programs', async () => {
    await using setup = await setUp();
    const leftover = await setup.start(markReason('postern', gone));
    for (const reason of [
      markReason('postern'),
      markReason('postern', { ...gone, host: '0123456789ab' }),
      markReason('postern of somebody', gone),
      `${markReason('postern', gone)} `,
      'postern',
    ])
      await setup.start(reason);
    expect(ids(await endLeftoverSessions(setup.options))).toEqual([leftover]);
    expect(setup.simulator.statistics().openSessions).toBe(5);
  });

  it('are found on every page', async () => {
    await using setup = await setUp();
    const sessions: string[] = [];
    for (let count = 0; count < 401; count++)
      sessions.unshift(await setup.start(markReason('postern', gone)));
    expect(ids(await findLeftoverSessions(setup.options))).toEqual(sessions);
  });

  it('are found with a reason that had to be cut', async () => {
    await using setup = await setUp();
    const reason = 'r'.repeat(200);
    const id = await setup.start(markReason(reason, gone));
    expect(ids(await findLeftoverSessions({ ...setup.options, reason }))).toEqual([id]);
  });
});

describe('ending leftovers', () => {
  it('goes on after one that may not be ended, and says so', async () => {
    await using simulator = await startSsmSimulator({
      authorize: ({ action, resource }) => {
        if (action === 'ssm:TerminateSession' && resource.includes('other-'))
          throw new SsmApiError('AccessDeniedException', 'no');
      },
    });
    simulator.registerInstance({ instanceId: target });
    const start = async (sessionName: string): Promise<void> => {
      const input = { ...session, Reason: markReason('postern', gone) };
      await simulator.handleApi('StartSession', input, { ...caller, sessionName });
    };
    await start('mine');
    await start('other');
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' };
    const ended = await endLeftoverSessions({
      region: 'eu-west-2',
      endpoint: simulator.endpoint,
      credentials,
    });
    expect(ended).toMatchObject([
      { sessionId: expect.stringMatching(/^other-/), error: { code: 'SSM_ACCESS_DENIED' } },
      { sessionId: expect.stringMatching(/^mine-/) },
    ]);
    expect(ended[1]).not.toHaveProperty('error');
  });

  it('names the permission that is missing to look for them', async () => {
    await using setup = await setUp();
    setup.simulator.faults.failNext('DescribeSessions', { code: 'AccessDeniedException', message: 'no' });
    await expect(endLeftoverSessions(setup.options)).rejects.toMatchObject({
      code: 'SSM_ACCESS_DENIED',
      hint: expect.stringContaining('ssm:DescribeSessions'),
    });
  });

  it('can be cancelled', async () => {
    await using setup = await setUp();
    const reason = new Error('enough');
    const cancelled = { ...setup.options, signal: AbortSignal.abort(reason) };
    await expect(findLeftoverSessions(cancelled)).rejects.toBe(reason);
  });

  it('names every option that is wrong', async () => {
    await expect(
      findLeftoverSessions({ endpoint: 'nonsense', reason: '', connectTimeoutMs: -1 }),
    ).rejects.toMatchObject({
      code: 'SSM_OPTIONS_INVALID',
      problems: [
        expect.stringMatching(/^endpoint:/),
        expect.stringMatching(/^reason:/),
        expect.stringMatching(/^connectTimeoutMs:/),
      ],
    });
  });
});
