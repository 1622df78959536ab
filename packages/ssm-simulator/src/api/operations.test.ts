import { describe, expect, test } from 'vitest';
import { createSsmSimulator, isSsmApiError, type SsmSimulator, type SsmSimulatorOptions } from '../index.ts';

const caller = {
  arn: 'arn:aws:sts::123456789012:assumed-role/ci/build-7',
  userId: 'AROACI0000000000000000:build-7',
  sessionName: 'build-7',
};
const target = 'i-0a1b2c3d4e5f60718';
const remoteHost = 'AWS-StartPortForwardingSessionToRemoteHost';

function service(options?: SsmSimulatorOptions): SsmSimulator {
  const simulator = createSsmSimulator(options);
  simulator.setStreamBase('ws://127.0.0.1:4566/');
  simulator.registerInstance({ instanceId: target, tags: { Role: 'jump' } });
  simulator.registerInstance({ instanceId: 'i-00000000000000001', pingStatus: 'ConnectionLost' });
  return simulator;
}

// biome-ignore lint/suspicious/noExplicitAny: answers are plain data off the wire
type Answer = any;

async function failure(simulator: SsmSimulator, operation: string, input: unknown): Promise<string> {
  try {
    await simulator.handleApi(operation, input, caller);
  } catch (error) {
    if (isSsmApiError(error)) return `${error.status} ${error.code}: ${error.message}`;
    throw error;
  }
  return 'no error';
}

const start = async (simulator: SsmSimulator, input: object = {}): Promise<Answer> =>
  await simulator.handleApi(
    'StartSession',
    { Target: target, DocumentName: remoteHost, Parameters: { host: ['db.internal'] }, ...input },
    caller,
  );

test('a client gets a session id that starts with its own name, a token, and a URL to be used as it is', async () => {
  await using simulator = service();
  const answer = await start(simulator);
  expect(answer.SessionId).toMatch(/^build-7-[a-z0-9]{17,}$/);
  expect(answer.TokenValue.length).toBeLessThanOrEqual(300);
  const [address, query] = answer.StreamUrl.split('?');
  expect(address).toBe(`ws://127.0.0.1:4566/v1/data-channel/${answer.SessionId}`);
  expect(query).toMatch(/^role=publish_subscribe&cell-number=[A-Za-z0-9+/=]+$/);
  expect(query).toContain('+');
  expect(query.split('cell-number=')[1]).toContain('/');
});

describe('StartSession refuses as the service does', () => {
  const base = { Target: target, DocumentName: remoteHost };
  const port =
    '^([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$';
  test.each<[string, unknown, string]>([
    [
      'no target',
      {},
      "400 ValidationException: 1 validation error detected: Value null at 'target' failed to satisfy constraint: Member must not be null",
    ],
    [
      'an empty target',
      { Target: '' },
      "400 ValidationException: 1 validation error detected: Value '' at 'target' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      'two mistakes at once',
      { Target: 'i'.repeat(401), DocumentName: 'a b' },
      `400 ValidationException: 2 validation errors detected: Value '${'i'.repeat(401)}' at 'target' failed to satisfy constraint: Member must have length less than or equal to 400; Value 'a b' at 'documentName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9_\\-.:/]{3,128}$`,
    ],
    [
      'an endless reason',
      { ...base, Reason: 'r'.repeat(257) },
      `400 ValidationException: 2 validation errors detected: Value '${'r'.repeat(257)}' at 'reason' failed to satisfy constraint: Member must have length less than or equal to 256; Value '${'r'.repeat(257)}' at 'reason' failed to satisfy constraint: Member must satisfy regular expression pattern: ^.{1,256}$`,
    ],
    [
      'a parameter that is no list',
      { ...base, Parameters: { host: 'db' } },
      '400 SerializationException: STRING_VALUE can not be converted to a list',
    ],
    [
      'parameters that are no map',
      { ...base, Parameters: ['db'] },
      '400 SerializationException: START_OF_LIST can not be converted to a map',
    ],
    [
      'an empty parameter value',
      { ...base, Parameters: { host: [''] } },
      "400 ValidationException: 1 validation error detected: Value '{host=[]}' at 'parameters' failed to satisfy constraint: Map value must satisfy constraint: [Member must satisfy constraint: [Member must have length less than or equal to 65535, Member must have length greater than or equal to 1]]",
    ],
    [
      'a target that is a number',
      { Target: 7 },
      '400 SerializationException: NUMBER_VALUE can not be converted to a String',
    ],
    [
      'input that is no structure',
      [],
      '400 SerializationException: START_OF_LIST can not be converted to a structure',
    ],
    [
      'an unknown document',
      { Target: target, DocumentName: 'AWS-StartPortForwarding' },
      '400 InvalidDocument: Document with name AWS-StartPortForwarding does not exist.',
    ],
    [
      'an AWS document by an ARN of the account',
      { Target: target, DocumentName: `arn:aws:ssm:eu-west-2:123456789012:document/${remoteHost}` },
      `400 InvalidDocument: Document with name arn:aws:ssm:eu-west-2:123456789012:document/${remoteHost} does not exist.`,
    ],
    [
      'the default shell, which has no port to forward',
      { Target: target },
      '400 InvalidDocument: Document SSM-SessionManagerRunShell has session type Standard_Stream; this simulator runs Port sessions only.',
    ],
    [
      'a port out of range',
      { ...base, Parameters: { portNumber: ['65536'] } },
      `400 InvalidParameters: Parameter "portNumber" has value "65536" not matching "${port}".`,
    ],
    [
      'a port with a leading zero',
      { ...base, Parameters: { portNumber: ['05432'] } },
      `400 InvalidParameters: Parameter "portNumber" has value "05432" not matching "${port}".`,
    ],
    [
      'a bracketed IPv6 host',
      { ...base, Parameters: { host: ['[::1]'] } },
      '400 InvalidParameters: Parameter "host" has value "[::1]" not matching "^[^,$^&\\(\\)!;\'"<>\\`{}\\[\\]\\|#=]{3,}$".',
    ],
    [
      'a host of two characters',
      { ...base, Parameters: { host: ['db'] } },
      '400 InvalidParameters: Parameter "host" has value "db" not matching "^[^,$^&\\(\\)!;\'"<>\\`{}\\[\\]\\|#=]{3,}$".',
    ],
    [
      'a parameter that the document does not have',
      {
        Target: target,
        DocumentName: 'AWS-StartPortForwardingSession',
        Parameters: { host: ['db.internal'] },
      },
      '400 InvalidParameters: Document AWS-StartPortForwardingSession does not support parameters: host.',
    ],
    [
      'two values for one',
      { ...base, Parameters: { host: ['a.internal', 'b.internal'] } },
      '400 InvalidParameters: Parameter "host" is of type String and has 2 values.',
    ],
    [
      'an instance that nobody registered',
      { ...base, Target: 'i-0ffffffffffffffff' },
      '400 TargetNotConnected: i-0ffffffffffffffff is not connected.',
    ],
    [
      'an instance whose agent is away',
      { ...base, Target: 'i-00000000000000001' },
      '400 TargetNotConnected: i-00000000000000001 is not connected.',
    ],
    [
      'a name in place of an id',
      { ...base, Target: 'jump-host' },
      '400 TargetNotConnected: jump-host is not connected.',
    ],
  ])('%s', async (_, input, expected) => {
    await using simulator = service();
    expect(await failure(simulator, 'StartSession', input)).toBe(expected);
    expect(simulator.statistics()).toMatchObject({ startSessionCalls: 1, sessionsStarted: 0 });
  });
});

test('an IPv6 host without brackets, a port 0 for the local side and the largest port are fine', async () => {
  await using simulator = service();
  await start(simulator, {
    Parameters: { host: ['fd00::10'], portNumber: ['65535'], localPortNumber: ['0'] },
    Reason: 'interop',
  });
});

describe('custom documents', () => {
  const content = {
    schemaVersion: '1.0' as const,
    sessionType: 'Port',
    parameters: {
      portNumber: { type: 'String' as const, allowedPattern: '^54[0-9]{2}$' },
      mode: {
        type: 'String' as const,
        default: 'LocalPortForwarding',
        allowedValues: ['LocalPortForwarding'],
      },
    },
    properties: { host: 'db.internal', portNumber: '{{ portNumber }}', type: '{{mode}}' },
  };

  test('a document of the account is found by name and by ARN, and its own pattern counts', async () => {
    await using simulator = service();
    simulator.registerDocument({ name: 'Database-Only', content });
    for (const name of ['Database-Only', 'arn:aws:ssm:eu-west-2:123456789012:document/Database-Only'])
      await start(simulator, { DocumentName: name, Parameters: { portNumber: ['5432'] } });
    const attempts = [
      { portNumber: ['80'] },
      {},
      { portNumber: ['5432'], mode: ['Other'] },
      { portNumber: ['5432'], host: ['elsewhere'] },
    ];
    const answers = [];
    for (const Parameters of attempts)
      answers.push(
        await failure(simulator, 'StartSession', {
          Target: target,
          DocumentName: 'Database-Only',
          Parameters,
        }),
      );
    expect(answers).toEqual([
      '400 InvalidParameters: Parameter "portNumber" has value "80" not matching "^54[0-9]{2}$".',
      '400 InvalidParameters: Parameter "portNumber" requires a value.',
      '400 InvalidParameters: Parameter "mode" has value "Other" not in [LocalPortForwarding].',
      '400 InvalidParameters: Document Database-Only does not support parameters: host.',
    ]);
  });

  test('a malformed document is refused when it is registered, with everything that is wrong with it', () => {
    const simulator = service();
    const broken = {
      schemaVersion: '2.2' as '1.0',
      sessionType: 'Shell',
      parameters: { portNumber: { type: 'String' as const, allowedPattern: '[' } },
      properties: { portNumber: '{{ port }}' },
    };
    expect(() => simulator.registerDocument({ name: 'Broken', content: broken })).toThrow(
      'document Broken: schemaVersion is 2.2, session documents have 1.0; sessionType Shell is none of Standard_Stream, InteractiveCommands, NonInteractiveCommands, Port; allowedPattern of parameter portNumber is no regular expression; property portNumber uses {{ port }}, which is no parameter',
    );
    expect(() => simulator.registerDocument({ name: 'AWS-Mine', content })).toThrow(
      'must not start with aws',
    );
  });

  test('CreateDocument and GetDocument speak of the same documents', async () => {
    await using simulator = service();
    const create = { Name: 'Created', DocumentType: 'Session', Content: JSON.stringify(content) };
    await simulator.handleApi('CreateDocument', create, caller);
    const read: Answer = await simulator.handleApi('GetDocument', { Name: 'Created' }, caller);
    expect(JSON.parse(read.Content)).toEqual(content);
    expect(await failure(simulator, 'CreateDocument', create)).toBe(
      '400 DocumentAlreadyExists: Document with name Created already exists',
    );
    for (const [Content, expected] of [
      ['{', '400 InvalidDocumentContent: JSON not well-formed.'],
      ['[]', '400 InvalidDocumentContent: The document is not a session document.'],
      ['{"parameters":{"a":1}}', '400 InvalidDocumentContent: The document is not a session document.'],
      [
        '{"schemaVersion":"1.0","sessionType":"Port","properties":{"portNumber":5432}}',
        '400 InvalidDocumentContent: property portNumber is not a string.',
      ],
    ])
      expect(await failure(simulator, 'CreateDocument', { ...create, Name: 'Other', Content })).toBe(
        expected,
      );
    expect(await failure(simulator, 'CreateDocument', { ...create, Name: 'AWS-Other' })).toMatch(
      /^400 ValidationException: /,
    );
    expect(await failure(simulator, 'CreateDocument', { ...create, DocumentType: 'Command' })).toMatch(
      "Value 'Command' at 'documentType' failed to satisfy constraint: Member must satisfy enum value set: [Session]",
    );
    expect(await failure(simulator, 'GetDocument', { Name: 'Nobody' })).toBe(
      '400 InvalidDocument: Document with name Nobody does not exist.',
    );
  });
});

describe('ResumeSession and TerminateSession', () => {
  test('a session that is not over gets a new token; one that is over gets none', async () => {
    await using simulator = service();
    const { SessionId, TokenValue } = await start(simulator);
    const resumed: Answer = await simulator.handleApi('ResumeSession', { SessionId }, caller);
    expect(resumed.SessionId).toBe(SessionId);
    expect(resumed.TokenValue).not.toBe(TokenValue);
    expect(resumed.StreamUrl).toContain(SessionId);
    expect(await simulator.handleApi('TerminateSession', { SessionId }, caller)).toEqual({ SessionId });
    expect(await simulator.handleApi('ResumeSession', { SessionId }, caller)).toEqual({ SessionId });
    expect(await failure(simulator, 'TerminateSession', { SessionId })).toBe(
      '400 ValidationException: Session is not in a valid state',
    );
    expect(simulator.statistics()).toMatchObject({
      resumeSessionCalls: 2,
      terminateSessionCalls: 2,
      sessionsStarted: 1,
      sessionsTerminated: 1,
      openSessions: 0,
    });
  });

  test.each(['ResumeSession', 'TerminateSession'])('%s of a session that never was', async (operation) => {
    await using simulator = service();
    expect(await failure(simulator, operation, { SessionId: 'nobody-0' })).toBe(
      '400 DoesNotExistException: Session nobody-0 does not exist.',
    );
    expect(await failure(simulator, operation, {})).toContain("Value null at 'sessionId'");
    expect(await failure(simulator, operation, { SessionId: 's'.repeat(97) })).toContain(
      'Member must have length less than or equal to 96',
    );
  });
});

describe('DescribeSessions', () => {
  test('active sessions and history, newest first, in seconds, page by page', async () => {
    await using simulator = service();
    const ids: string[] = [];
    for (let count = 0; count < 5; count++)
      ids.unshift((await start(simulator, { Reason: `number ${count}` })).SessionId);
    await simulator.handleApi('TerminateSession', { SessionId: ids[2] }, caller);
    const seen: Answer[] = [];
    let NextToken: string | undefined;
    do {
      const answer: Answer = await simulator.handleApi(
        'DescribeSessions',
        { State: 'Active', MaxResults: 3, ...(NextToken === undefined ? {} : { NextToken }) },
        caller,
      );
      seen.push(...answer.Sessions);
      NextToken = answer.NextToken;
    } while (NextToken !== undefined);
    expect(seen.map(({ SessionId }) => SessionId)).toEqual(ids.filter((_, index) => index !== 2));
    expect(seen[0]).toMatchObject({
      Target: target,
      Status: 'Connecting',
      DocumentName: remoteHost,
      Owner: caller.arn,
      Reason: 'number 4',
    });
    expect(Math.abs(seen[0].StartDate - Date.now() / 1000)).toBeLessThan(60);
    const history: Answer = await simulator.handleApi('DescribeSessions', { State: 'History' }, caller);
    expect(history.Sessions).toMatchObject([{ SessionId: ids[2], Status: 'Terminated' }]);
    expect(history.Sessions[0].EndDate).toBeGreaterThanOrEqual(history.Sessions[0].StartDate);
  });

  test.each<[string, string, number]>([
    ['Target', target, 1],
    ['Target', 'i-00000000000000001', 0],
    ['Owner', caller.arn, 1],
    ['Owner', 'arn:aws:iam::123456789012:user/else', 0],
    ['Status', 'Connecting', 1],
    ['Status', 'Connected', 0],
    ['SessionId', 'nobody', 0],
    ['InvokedAfter', '2020-01-01T00:00:00Z', 1],
    ['InvokedBefore', '2020-01-01T00:00:00Z', 0],
    ['AccessType', 'Standard', 1],
  ])('filter %s = %s', async (key, value, count) => {
    await using simulator = service();
    await start(simulator);
    const answer: Answer = await simulator.handleApi(
      'DescribeSessions',
      { State: 'Active', Filters: [{ key, value }] },
      caller,
    );
    expect(answer.Sessions).toHaveLength(count);
  });

  test.each<[string, unknown, string]>([
    ['no state', {}, "Value null at 'state'"],
    ['a state that is none', { State: 'Open' }, 'Member must satisfy enum value set: [Active, History]'],
    [
      'too many at once',
      { State: 'Active', MaxResults: 201 },
      'Member must have value less than or equal to 200',
    ],
    [
      'a filter that is none',
      { State: 'Active', Filters: [{ key: 'Owned', value: 'x' }] },
      "at 'filters.1.member.key'",
    ],
    [
      'a filter without value',
      { State: 'Active', Filters: [{ key: 'Owner' }] },
      "Value null at 'filters.1.member.value'",
    ],
    [
      'an empty list of filters',
      { State: 'Active', Filters: [] },
      'Member must have length greater than or equal to 1',
    ],
    ['an invented token', { State: 'Active', NextToken: 'mine' }, '400 InvalidNextToken: '],
  ])('%s', async (_, input, expected) => {
    await using simulator = service();
    expect(await failure(simulator, 'DescribeSessions', input)).toContain(expected);
  });
});

describe('DescribeInstanceInformation', () => {
  const fleet = (): SsmSimulator => {
    const simulator = service();
    for (let number = 2; number < 12; number++)
      simulator.registerInstance({
        instanceId: `i-0000000000000000${number.toString(16)}`,
        tags: { Role: 'worker', [`n${number}`]: '' },
        agentVersion: '3.1.0.0',
        address: `10.0.1.${number}`,
      });
    simulator.registerInstance({ instanceId: 'mi-00000000000000001' });
    simulator.registerInstance({ instanceId: 'ecs:cluster_0123456789abcdef_0123456789abcdef-42' });
    return simulator;
  };
  const list = async (simulator: SsmSimulator, input: object): Promise<Answer> =>
    await simulator.handleApi('DescribeInstanceInformation', input, caller);

  test('instances page by page, without containers', async () => {
    await using simulator = fleet();
    const first = await list(simulator, { MaxResults: 5 });
    const second = await list(simulator, { MaxResults: 5, NextToken: first.NextToken });
    const third = await list(simulator, { MaxResults: 5, NextToken: second.NextToken });
    const ids = [first, second, third].flatMap((page) =>
      page.InstanceInformationList.map((instance: Answer) => instance.InstanceId),
    );
    expect(new Set(ids).size).toBe(13);
    expect(third.NextToken).toBeUndefined();
    expect(first.InstanceInformationList[0]).toMatchObject({
      InstanceId: target,
      PingStatus: 'Online',
      AgentVersion: '3.3.987.0',
      PlatformType: 'Linux',
      ResourceType: 'EC2Instance',
    });
    expect(first.InstanceInformationList[2]).toMatchObject({
      AgentVersion: '3.1.0.0',
      IPAddress: '10.0.1.2',
    });
    expect(
      await failure(simulator, 'DescribeSessions', { State: 'Active', NextToken: first.NextToken }),
    ).toBe('400 InvalidNextToken: The specified token is not valid.');
  });

  test.each<[object, number]>([
    [{ Filters: [{ Key: 'tag:Role', Values: ['jump'] }] }, 1],
    [{ Filters: [{ Key: 'tag:Role', Values: ['jump', 'worker'] }] }, 11],
    [{ Filters: [{ Key: 'tag:Nothing', Values: ['jump'] }] }, 0],
    [{ Filters: [{ Key: 'tag-key', Values: ['n3', 'n4'] }] }, 2],
    [{ Filters: [{ Key: 'PingStatus', Values: ['Online'] }] }, 12],
    [{ Filters: [{ Key: 'PingStatus', Values: ['ConnectionLost'] }] }, 1],
    [{ Filters: [{ Key: 'InstanceIds', Values: [target, 'mi-00000000000000001'] }] }, 2],
    [{ Filters: [{ Key: 'ResourceType', Values: ['ManagedInstance'] }] }, 1],
    [{ Filters: [{ Key: 'AgentVersion', Values: ['3.1.0.0'] }] }, 10],
    [{ InstanceInformationFilterList: [{ key: 'PingStatus', valueSet: ['ConnectionLost'] }] }, 1],
    [
      {
        Filters: [
          { Key: 'tag:Role', Values: ['jump'] },
          { Key: 'PingStatus', Values: ['ConnectionLost'] },
        ],
      },
      0,
    ],
  ])('%j', async (input, count) => {
    await using simulator = fleet();
    expect((await list(simulator, input)).InstanceInformationList).toHaveLength(count);
  });

  test.each<[object, string]>([
    [
      { MaxResults: 4 },
      "Value '4' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 5",
    ],
    [{ MaxResults: 51 }, 'Member must have value less than or equal to 50'],
    [{ MaxResults: '5' }, '400 SerializationException: STRING_VALUE can not be converted to an Integer'],
    [{ NextToken: 'invented' }, '400 InvalidNextToken: '],
    [{ Filters: [{ Key: 'Colour', Values: ['red'] }] }, '400 InvalidFilterKey: '],
    [{ Filters: [{ Key: 'InstanceIds', Values: ['jump'] }] }, '400 InvalidInstanceId: '],
    [{ Filters: [{ Key: 'PingStatus', Values: ['Up'] }] }, '400 InvalidInstanceInformationFilterValue: '],
    [{ Filters: [{ Key: 'PingStatus', Values: [] }] }, "at 'filters.1.member.values' failed to satisfy"],
    [{ Filters: [{ Key: 'PingStatus' }] }, "Value null at 'filters.1.member.values'"],
    [
      { InstanceInformationFilterList: [{ key: 'tag:Role', valueSet: ['x'] }] },
      "at 'instanceInformationFilterList.1.member.key'",
    ],
    [
      {
        Filters: [{ Key: 'PingStatus', Values: ['Online'] }],
        InstanceInformationFilterList: [{ key: 'PingStatus', valueSet: ['Online'] }],
      },
      '400 ValidationException: Filters and InstanceInformationFilterList',
    ],
  ])('%j is refused', async (input, expected) => {
    await using simulator = fleet();
    expect(await failure(simulator, 'DescribeInstanceInformation', input)).toContain(expected);
  });
});

test('GetConnectionStatus tells connected from everything else', async () => {
  await using simulator = service();
  const status = async (Target: string): Promise<unknown> =>
    await simulator.handleApi('GetConnectionStatus', { Target }, caller);
  expect(await status(target)).toEqual({ Target: target, Status: 'connected' });
  expect(await status('i-00000000000000001')).toEqual({
    Target: 'i-00000000000000001',
    Status: 'notconnected',
  });
  expect(await status('i-0ffffffffffffffff')).toMatchObject({ Status: 'notconnected' });
  expect(await failure(simulator, 'GetConnectionStatus', {})).toContain("Value null at 'target'");
});

test('an operation that is not simulated says so', async () => {
  await using simulator = service();
  expect(await failure(simulator, 'SendCommand', {})).toBe(
    '400 UnknownOperationException: The operation SendCommand is not simulated.',
  );
});

test('a mistake in the set-up is named, all of them at once', () => {
  expect(() => createSsmSimulator({ region: 'London', accountId: '12', agent: { version: '3.3' } })).toThrow(
    'region London is no region name; accountId 12 does not have 12 digits; agent.version 3.3 does not have four numeric parts',
  );
  const simulator = createSsmSimulator();
  expect(() => simulator.registerInstance({ instanceId: 'jump-host' })).toThrow(
    'instanceId jump-host is none of',
  );
  expect(() => simulator.registerInstance({ instanceId: target, agentVersion: '3' })).toThrow(
    'four numeric parts',
  );
  expect(() => simulator.faults.cutChannel('nobody')).toThrow(
    expect.objectContaining({ code: 'SSM_SIMULATOR_SESSION_UNKNOWN' }),
  );
});

test('a session without an address to connect to is a mistake of the set-up, not of the client', async () => {
  const simulator = createSsmSimulator();
  simulator.registerInstance({ instanceId: target });
  await expect(start(simulator)).rejects.toMatchObject({
    code: 'SSM_SIMULATOR_NOT_MOUNTED',
    kind: 'invalid',
  });
  simulator.setStreamBase('ws://127.0.0.1:1');
  await simulator.close();
  await expect(start(simulator)).rejects.toMatchObject({ code: 'SSM_SIMULATOR_CLOSED', kind: 'closed' });
});

test('an injected error comes first, as often as asked for', async () => {
  await using simulator = service();
  simulator.faults.failNext('StartSession', { code: 'ThrottlingException', message: 'Rate exceeded' }, 2);
  simulator.faults.failNext('StartSession', { code: 'InternalServerError' });
  const answers = [];
  for (let count = 0; count < 3; count++) answers.push(await failure(simulator, 'StartSession', {}));
  expect(answers).toEqual([
    '400 ThrottlingException: Rate exceeded',
    '400 ThrottlingException: Rate exceeded',
    '500 InternalServerError: Injected fault.',
  ]);
  await start(simulator);
});
