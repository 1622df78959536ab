import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { openTunnel, type TunnelErrorCode, type TunnelOptions } from '../src/index.ts';
import {
  type GatewayScript,
  politeAgent,
  type ScriptedGateway,
  startScriptedGateway,
} from './scripted-gateway.ts';

const target = 'i-0a1b2c3d4e5f60718';
const optionsFor = (gateway: ScriptedGateway): TunnelOptions => ({
  target,
  remoteHost: 'db.internal',
  remotePort: 5432,
  region: 'eu-west-2',
  endpoint: gateway.endpoint,
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret' },
});
const operations = (gateway: ScriptedGateway): string[] => gateway.calls.map(({ operation }) => operation);

/** The error of an opening that must fail. */
async function failedOpening(
  script: GatewayScript,
  change: Partial<TunnelOptions> = {},
): Promise<{ error: unknown; gateway: ScriptedGateway }> {
  const gateway = await startScriptedGateway(script);
  try {
    await openTunnel({ ...optionsFor(gateway), ...change });
  } catch (error) {
    expect(JSON.stringify(error) + String(error)).not.toMatch(/secret/);
    return { error, gateway };
  } finally {
    await gateway[Symbol.asyncDispose]();
  }
  throw new Error('the tunnel opened');
}

describe('opening a tunnel', () => {
  it('starts a session, signs the upgrade, sends the opening, and announces a version that agents understand', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    await using tunnel = await openTunnel({ ...optionsFor(gateway), reason: 'integration tests' });
    expect([tunnel.sessionId, tunnel.agentVersion, tunnel.state]).toEqual([
      's-1',
      '3.3.987.0',
      { name: 'open' },
    ]);
    expect(gateway.calls).toEqual([
      {
        operation: 'StartSession',
        body: {
          Target: target,
          DocumentName: 'AWS-StartPortForwardingSessionToRemoteHost',
          Parameters: { host: ['db.internal'], portNumber: ['5432'], localPortNumber: ['0'] },
          Reason: expect.stringMatching(/^integration tests \[postern /),
        },
      },
    ]);
    const [upgrade] = gateway.upgrades;
    expect(upgrade?.url).toBe('/v1/data-channel/s-1?role=publish_subscribe&cell-number=AA+b/c=');
    expect(upgrade?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-2\/ssmmessages\/aws4_request, SignedHeaders=host;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
    expect(upgrade?.headers['sec-websocket-extensions']).toBeUndefined();
    expect(JSON.parse(gateway.openings[0] ?? '')).toEqual({
      MessageSchemaVersion: '1.0',
      RequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      TokenValue: 'secret-token',
      ClientId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ClientVersion: '1.2.707.0',
    });
  });

  it('passes on what the agent has to say to the user', async () => {
    await using gateway = await startScriptedGateway({
      ...politeAgent,
      run: (socket, agent) => {
        socket.send(agent.handshakeRequest());
        socket.send(agent.handshakeComplete('Maintenance tonight.'));
      },
    });
    const messages: unknown[] = [];
    const onMessage = (message: unknown): void => {
      messages.push(message);
    };
    subscribe('postern:ssm-tunnel:message', onMessage);
    await using _tunnel = await openTunnel(optionsFor(gateway));
    unsubscribe('postern:ssm-tunnel:message', onMessage);
    expect(messages).toEqual([{ sessionId: 's-1', message: 'Maintenance tonight.' }]);
  });

  it('does not sign a URL that another service signed', async () => {
    await using gateway = await startScriptedGateway({
      ...politeAgent,
      startSession: (url) => ({ SessionId: 's-1', TokenValue: 't', StreamUrl: `${url}&X-Amz-Signature=abc` }),
    });
    await using _tunnel = await openTunnel(optionsFor(gateway));
    expect(gateway.upgrades[0]?.headers.authorization).toBeUndefined();
  });

  it('uses a document of your own with its parameters only', async () => {
    await using gateway = await startScriptedGateway(politeAgent);
    const { remoteHost: _, remotePort: __, ...options } = optionsFor(gateway);
    await using _tunnel = await openTunnel({
      ...options,
      document: { name: 'Team-Db', parameters: { stage: 'ci' } },
    });
    expect(gateway.calls[0]?.body).toMatchObject({ DocumentName: 'Team-Db', Parameters: { stage: ['ci'] } });
  });
});

describe('an opening that fails', () => {
  it.each<[string, TunnelErrorCode]>([
    ['AccessDeniedException', 'SSM_ACCESS_DENIED'],
    ['TargetNotConnected', 'SSM_TARGET_NOT_CONNECTED'],
    ['InvalidDocument', 'SSM_DOCUMENT_INVALID'],
    ['InvalidParameters', 'SSM_DOCUMENT_INVALID'],
    ['ValidationException', 'SSM_REQUEST_REFUSED'],
    ['ExpiredTokenException', 'SSM_CREDENTIALS_UNAVAILABLE'],
    ['UnrecognizedClientException', 'SSM_CREDENTIALS_UNAVAILABLE'],
    ['SomethingNew', 'SSM_API_FAILED'],
  ])('says what to do about %s', async (name, code) => {
    const { error, gateway } = await failedOpening({
      startSession: () => ({ __type: name, message: 'because' }),
    });
    expect(error).toMatchObject({ name: 'TunnelError', code, message: expect.stringContaining('because') });
    expect(gateway.calls.length).toBe(1);
  });

  it('retries when it is throttled, and says so in the end', async () => {
    const { error, gateway } = await failedOpening({
      startSession: () => ({ __type: 'ThrottlingException', message: 'Rate exceeded' }),
    });
    expect(error).toMatchObject({ code: 'SSM_THROTTLED', kind: 'unavailable' });
    expect(gateway.calls.length).toBeGreaterThan(1);
  });

  it('names the missing answer of something that is not SSM', async () => {
    const { error } = await failedOpening({ startSession: () => ({}) });
    expect(error).toMatchObject({ code: 'SSM_API_FAILED' });
  });

  it('says that there are no credentials', async () => {
    const { error } = await failedOpening(
      {},
      {
        credentials: () =>
          Promise.reject(Object.assign(new Error('none found'), { name: 'CredentialsProviderError' })),
      },
    );
    expect(error).toMatchObject({ code: 'SSM_CREDENTIALS_UNAVAILABLE' });
  });

  it('says that the API cannot be reached', async () => {
    const gateway = await startScriptedGateway();
    await gateway[Symbol.asyncDispose]();
    await expect(openTunnel(optionsFor(gateway))).rejects.toMatchObject({
      code: 'SSM_API_FAILED',
      kind: 'unavailable',
    });
  });

  it.each<[string, TunnelErrorCode, GatewayScript, Partial<TunnelOptions>, string[]?]>([
    ['the upgrade is forbidden', 'SSM_CHANNEL_REFUSED', { upgradeStatus: 403 }, {}],
    ['the upgrade meets something else', 'SSM_CHANNEL_REFUSED', { upgradeStatus: 200 }, {}],
    ['the upgrade hangs', 'SSM_CHANNEL_TIMEOUT', { upgradeHangs: true }, { connectTimeoutMs: 1_000 }],
    ['the agent stays silent', 'SSM_HANDSHAKE_TIMEOUT', {}, { handshakeTimeoutMs: 50 }],
    [
      'the channel closes during the handshake and the session is over',
      'SSM_CHANNEL_CLOSED',
      { run: (socket) => socket.close(1008, 'unknown token') },
      {},
      ['StartSession', 'ResumeSession'],
    ],
    [
      'the session ends during the handshake',
      'SSM_CHANNEL_CLOSED',
      {
        run: (socket, agent) =>
          socket.send(agent.control('channel_closed', '{"Output":"Plugin with name Port not found"}')),
      },
      {},
      ['StartSession'],
    ],
    [
      'the session is encrypted',
      'SSM_HANDSHAKE_REFUSED',
      {
        run: (socket, agent) =>
          socket.send(agent.handshakeRequest([{ actionType: 'KMSEncryption', kmsKeyId: 'k' }])),
      },
      {},
    ],
    [
      'the agent speaks something else',
      'SSM_FRAME_INVALID',
      { run: (socket) => socket.send(Buffer.from('SSH-2.0')) },
      {},
    ],
    [
      'the stream URL is not encrypted',
      'SSM_STREAM_URL_REFUSED',
      {
        startSession: () => ({
          SessionId: 's-1',
          TokenValue: 'secret-token',
          StreamUrl: 'ws://example.com/',
        }),
      },
      {},
    ],
  ])('leaves no session behind when %s', async (_, code, script, change, calls) => {
    const { error, gateway } = await failedOpening(script, change);
    expect(error).toMatchObject({ name: 'TunnelError', code });
    expect(operations(gateway)).toEqual(calls ?? ['StartSession', 'TerminateSession']);
    expect([...gateway.sockets].every(({ readyState }) => readyState >= 2)).toBe(true);
  });

  it('lets a refusal of KMS reach the agent', async () => {
    const { gateway } = await failedOpening({
      run: (socket, agent) =>
        socket.send(agent.handshakeRequest([{ actionType: 'KMSEncryption', kmsKeyId: 'k' }])),
    });
    expect(gateway.agent.input).toHaveLength(1);
    expect(Buffer.from(gateway.agent.input[0]?.payload ?? []).toString()).toContain('"ActionStatus":2');
  });

  it('rejects with the caller’s own reason when it is cancelled, and leaves no session', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const { error, gateway } = await failedOpening(
      { run: () => controller.abort(reason) },
      { signal: controller.signal },
    );
    expect(error).toBe(reason);
    expect(operations(gateway)).toEqual(['StartSession', 'TerminateSession']);
    const before = await failedOpening({}, { signal: AbortSignal.abort(reason) });
    expect([before.error, before.gateway.calls]).toEqual([reason, []]);
    const upgrading = new AbortController();
    const during = await failedOpening(
      {
        upgradeHangs: true,
        startSession: (url) => {
          setImmediate(() => setTimeout(() => upgrading.abort(reason), 50));
          return { SessionId: 's-1', TokenValue: 't', StreamUrl: url };
        },
      },
      { signal: upgrading.signal },
    );
    expect(during.error).toBe(reason);
    expect(operations(during.gateway)).toEqual(['StartSession', 'TerminateSession']);
  });

  it('keeps its own error when the session cannot be ended either', async () => {
    const { error } = await failedOpening(
      { terminateSession: () => ({ __type: 'AccessDeniedException', message: 'no' }) },
      { handshakeTimeoutMs: 20 },
    );
    expect(error).toMatchObject({ code: 'SSM_HANDSHAKE_TIMEOUT' });
  });

  it('names a missing region among the options', async () => {
    const before = { ...process.env };
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION']) delete process.env[name];
    process.env['AWS_CONFIG_FILE'] = '/nonexistent';
    try {
      await expect(openTunnel({ target, remotePort: 1 })).rejects.toMatchObject({
        code: 'SSM_OPTIONS_INVALID',
        problems: [expect.stringMatching(/^region:/)],
      });
    } finally {
      process.env = before;
    }
  });
});
