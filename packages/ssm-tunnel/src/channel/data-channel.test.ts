import { readFileSync } from 'node:fs';
import {
  ActionStatus,
  encodeSessionFlag,
  type HandshakeResponse,
  MessageType,
  PayloadType,
  parseHandshakeResponse,
  type RequestedAction,
} from '@postern/ssm-protocol';
import { describe, expect, it, vi } from 'vitest';
import { channelWithAgent, openChannel } from '../../test/channel-with-agent.ts';
import { portAction, type ScriptedAgent } from '../../test/scripted-agent.ts';
import { isTunnelError, TunnelError } from '../errors.ts';
import type { ChannelUser } from './channel-user.ts';
import type { Link } from './web-socket-link.ts';

const never = new AbortController().signal;

const responseOf = (agent: ScriptedAgent): HandshakeResponse =>
  parseHandshakeResponse(agent.input[0]?.payload ?? Buffer.alloc(0));

/** A user whose payloads are taken from a list. */
const listUser = (list: (string | Uint8Array)[]): Partial<ChannelUser> => ({
  nextPayload: () => {
    const next = list.shift();
    return next === undefined ? [] : [Buffer.from(next)];
  },
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the handshake', () => {
  it('is acknowledged, answered once with a version that keeps the agent from closing silent sessions, and done', async () => {
    const { agent, channel } = channelWithAgent();
    const ready = channel.handshake(1_000, never);
    channel.onMessage(agent.control(MessageType.agentSessionState, '{}'));
    channel.onMessage(agent.handshakeRequest());
    expect(agent.received.map(({ messageType }) => messageType)).toEqual([
      'acknowledge',
      'input_stream_data',
    ]);
    expect(agent.input[0]).toMatchObject({
      sequenceNumber: 0,
      payloadType: PayloadType.handshakeResponse,
      flags: 0,
    });
    expect(responseOf(agent)).toEqual({
      clientVersion: '1.2.707.0',
      actions: [{ actionType: 'SessionType', status: ActionStatus.success, result: null, error: '' }],
      errors: null,
    });
    channel.onMessage(agent.handshakeComplete('Be nice.'));
    await expect(ready).resolves.toMatchObject({
      agent: { version: '3.3.987.0' },
      customerMessage: 'Be nice.',
    });
    expect(agent.acknowledged).toEqual([0, 1]);
  });

  it('is answered once even when the agent asks twice, because a second answer would block it for good', () => {
    const { agent, channel } = channelWithAgent();
    const request = agent.handshakeRequest();
    channel.onMessage(request);
    channel.onMessage(request);
    channel.onMessage(agent.handshakeRequest());
    expect(agent.input).toHaveLength(1);
    expect(agent.acknowledged).toEqual([0, 0, 1]);
  });

  it.each<[string, RequestedAction[], number, RegExp]>([
    [
      'KMS encryption',
      [portAction, { actionType: 'KMSEncryption', kmsKeyId: 'k' }],
      ActionStatus.failed,
      /KMS/,
    ],
    [
      'a shell',
      [{ actionType: 'SessionType', sessionType: 'Standard_Stream', properties: null }],
      ActionStatus.failed,
      /Standard_Stream, not Port/,
    ],
    [
      'an unknown action',
      [portAction, { actionType: 'Unknown', name: 'Dance', parameters: {} }],
      ActionStatus.unsupported,
      /Dance/,
    ],
  ])('refuses %s, tells the agent and the caller', async (_, actions, status, words) => {
    const { agent, channel, link } = channelWithAgent();
    const ready = channel.handshake(1_000, never);
    channel.onMessage(agent.handshakeRequest(actions));
    await expect(ready).rejects.toMatchObject({
      code: 'SSM_HANDSHAKE_REFUSED',
      message: expect.stringMatching(words),
    });
    expect(responseOf(agent).actions.at(-1)).toMatchObject({ status, error: expect.stringMatching(words) });
    // Closed in order: a dropped connection could take the answer with it.
    expect(link.state).toBe('closed');
  });

  it('is refused without a session type', async () => {
    const { agent, channel } = channelWithAgent();
    channel.onMessage(agent.handshakeRequest([]));
    await expect(channel.handshake(1_000, never)).rejects.toThrow(/did not say which type/);
  });

  it.each([
    ['many streams', portAction, '3.0.197.0', 'mux'],
    ['one stream after the other by an old agent', portAction, '3.0.196.0', 'basic'],
    [
      'one stream by a document for SSH',
      { ...portAction, properties: { portNumber: '22' } },
      '3.3.987.0',
      'standard',
    ],
  ])(
    'tells that the session carries %s, as the agent decides for itself',
    async (_, action, version, mode) => {
      const { agent, channel } = channelWithAgent();
      channel.onMessage(agent.handshakeRequest([action], version));
      channel.onMessage(agent.handshakeComplete());
      await expect(channel.handshake(1_000, never)).resolves.toMatchObject({ agent: { mode, version } });
    },
  );

  it('gives up in time, and at once when cancelled', async () => {
    await expect(channelWithAgent().channel.handshake(5, never)).rejects.toMatchObject({
      code: 'SSM_HANDSHAKE_TIMEOUT',
      kind: 'timeout',
    });
    const reason = new Error('changed my mind');
    await expect(channelWithAgent().channel.handshake(10_000, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
  });
});

describe('what the agent sends', () => {
  it('is delivered when it comes in the same breath as the end of the handshake', () => {
    const { agent, channel, payloads, over } = channelWithAgent();
    const messages = [agent.handshakeRequest(), agent.handshakeComplete(), agent.data('early bird')];
    for (const message of messages) channel.onMessage(message);
    expect([payloads, over]).toEqual([['early bird'], []]);
  });

  it('is delivered in order and once, and every copy is acknowledged', () => {
    const { agent, channel, payloads } = openChannel();
    const [first, second, third] = ['a', 'b', 'c'].map((text) => agent.data(text)) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    for (const message of [third, first, first, second, second, third]) channel.onMessage(message);
    expect(payloads).toEqual(['a', 'b', 'c']);
    expect(agent.acknowledged).toEqual([0, 1, 4, 2, 2, 3, 3, 4]);
    expect(channel.statistics.duplicates).toBe(3);
  });

  it('is not acknowledged when its number is absurd', () => {
    const { agent, channel, payloads, over } = openChannel();
    channel.onMessage(agent.output(PayloadType.output, Buffer.from('x'), { sequenceNumber: 2 ** 50 }));
    expect(agent.acknowledged).toEqual([0, 1]);
    expect([payloads, over]).toEqual([[], []]);
  });

  it('is left alone when it is of an unknown type', () => {
    const { agent, channel, over } = openChannel();
    channel.onMessage(agent.control('brand_new'));
    channel.onMessage(agent.output(PayloadType.exitCode, Buffer.from('0')));
    expect([agent.acknowledged, over]).toEqual([[0, 1, 2], []]);
  });

  it.each<[string, (agent: ScriptedAgent) => Buffer, object]>([
    [
      'an acknowledgement that is not JSON',
      (agent) => agent.control(MessageType.acknowledge, '{'),
      { code: 'SSM_FRAME_INVALID', field: 'acknowledge' },
    ],
    [
      'a second end of the handshake',
      (agent) => agent.handshakeComplete(),
      { code: 'SSM_FRAME_INVALID', field: 'PayloadType', offset: 112 },
    ],
    [
      'a flag of the wrong size',
      (agent) => agent.output(PayloadType.flag, Buffer.alloc(3)),
      { code: 'SSM_FRAME_INVALID', field: 'Flag' },
    ],
  ])('ends the session with field and offset when it is %s', (_, message, expected) => {
    const { agent, channel, over, link } = openChannel();
    channel.onMessage(message(agent));
    expect(over).toEqual([expect.objectContaining({ kind: 'protocol', ...expected })]);
    expect(isTunnelError(over[0])).toBe(true);
    expect([link.state, channel.state.name]).toEqual(['terminated', 'over']);
    channel.onMessage(agent.data('ignored'));
    expect(over).toHaveLength(1);
  });

  it('ends the session when data comes before the handshake, as from agents of old shells', () => {
    const { agent, channel, over } = channelWithAgent();
    channel.onMessage(agent.data('$ '));
    expect(over).toEqual([expect.objectContaining({ code: 'SSM_FRAME_INVALID', field: 'PayloadType' })]);
  });

  it('reports a failed dial in its place among the data', () => {
    const { agent, channel, payloads } = openChannel();
    channel.onMessage(agent.data('a'));
    channel.onMessage(agent.output(PayloadType.flag, encodeSessionFlag(3)));
    channel.onMessage(agent.output(PayloadType.flag, encodeSessionFlag(77)));
    channel.onMessage(agent.data('b'));
    expect(payloads).toEqual(['a', 'connect error', 'b']);
  });

  it('carries the agent’s last words to the caller', () => {
    const { agent, channel, over } = openChannel();
    const output = 'Forwarding to IP address 169.254.169.254 is forbidden.';
    channel.onMessage(
      agent.control(MessageType.channelClosed, JSON.stringify({ SessionId: 's', Output: output })),
    );
    expect(over).toEqual([
      expect.objectContaining({ code: 'SSM_CHANNEL_CLOSED', message: expect.stringContaining(output) }),
    ]);
  });

  it('says that the service ended the session when there are no words', () => {
    const { agent, channel, over } = openChannel();
    channel.onMessage(agent.control(MessageType.channelClosed, '{"Output":""}'));
    expect(over).toEqual([expect.objectContaining({ code: 'SSM_CHANNEL_CLOSED' })]);
  });
});

describe('what is sent', () => {
  it('waits for the end of the handshake', async () => {
    const list = ['early'];
    const { agent, channel } = channelWithAgent(listUser(list));
    channel.schedulePump();
    await turn();
    channel.onMessage(agent.handshakeRequest());
    channel.schedulePump();
    await turn();
    expect(agent.input.map(({ payloadType }) => payloadType)).toEqual([PayloadType.handshakeResponse]);
    channel.onMessage(agent.handshakeComplete());
    channel.schedulePump();
    await turn();
    expect(agent.smux.toString()).toBe('early');
    expect(agent.input.map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1]);
  });

  it('arrives as written when it is a single line feed, which the official client turns into a return', async () => {
    const { agent, channel } = openChannel(listUser([Buffer.from([0x0a])]));
    channel.schedulePump();
    await turn();
    expect(agent.input[1]?.payload).toEqual(Buffer.from([0x0a]));
  });

  it('stops at the window and goes on with acknowledgements', async () => {
    const { agent, channel } = openChannel(listUser(Array.from({ length: 400 }, (_, at) => `${at},`)));
    channel.schedulePump();
    await turn();
    const { unackedMessages, windowMessages } = channel.statistics;
    expect([unackedMessages, unackedMessages < 400]).toEqual([windowMessages, true]);
    for (let at = 0; at < agent.input.length; at++) {
      channel.onMessage(agent.acknowledge(agent.input[at]!));
      await turn();
    }
    expect(agent.smux.toString().split(',')).toHaveLength(401);
  });

  it('stops during a pause and loses nothing', async () => {
    const list: string[] = [];
    const { agent, channel } = openChannel(listUser(list));
    channel.onMessage(agent.control(MessageType.pausePublication));
    list.push('held');
    channel.schedulePump();
    await turn();
    expect(agent.smux.toString()).toBe('');
    channel.onMessage(agent.control(MessageType.startPublication));
    await turn();
    expect(agent.smux.toString()).toBe('held');
  });

  it('is sent again, the same bytes, until it is acknowledged', async () => {
    const { agent, channel } = openChannel(listUser(['lost?']));
    channel.onMessage(agent.acknowledge(agent.input[0]!));
    channel.schedulePump();
    await vi.waitFor(() => expect(agent.transmissions.length).toBeGreaterThan(2), 20_000);
    expect(
      agent.transmissions.slice(1).every((message) => message.messageId === agent.input[1]?.messageId),
    ).toBe(true);
    channel.onMessage(agent.acknowledge(agent.input[1]!));
    expect(await channel.drained(() => true, 1_000, never)).toBe(true);
    await channel.close();
  });
});

describe('the end', () => {
  it('is asked for with a flag and done with its acknowledgement and the notice', async () => {
    const { agent, channel, over, link } = openChannel();
    const done = channel.terminateSession(never);
    const flag = agent.input.at(-1)!;
    expect([flag.payloadType, Buffer.from(flag.payload).toString('hex')]).toEqual([
      PayloadType.flag,
      '00000002',
    ]);
    channel.onMessage(agent.acknowledge(flag));
    channel.onMessage(agent.control(MessageType.channelClosed, '{"Output":""}'));
    expect(await done).toBe(true);
    expect(over).toEqual([undefined]);
    await channel.close();
    expect(link.state).toBe('closed');
  });

  it('does not wait for ever for the notice', async () => {
    const { agent, channel } = openChannel();
    const done = channel.terminateSession(never);
    channel.onMessage(agent.acknowledge(agent.input.at(-1)!));
    expect(await done).toBe(true);
  });

  it('is not claimed when the agent says nothing', async () => {
    const { channel } = openChannel();
    expect(await channel.terminateSession(never)).toBe(false);
    await channel.close();
  });

  it('cannot be asked for before the handshake', async () => {
    expect(await channelWithAgent().channel.terminateSession(never)).toBe(false);
  });

  it('comes for the link alone when the service stops reading, before memory fills up', () => {
    const { agent, channel, lost, over, link } = openChannel();
    Object.assign(link, { bufferedBytes: 64 * 1024 * 1024 });
    channel.onMessage(agent.data('x'));
    expect([link.state, channel.link, over]).toEqual(['terminated', undefined, []]);
    expect(lost).toEqual([expect.objectContaining({ code: 'SSM_CHANNEL_LOST' })]);
  });

  it('comes when the agent acknowledges nothing for too long, and not for the time without a link', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const { agent, channel, over, link } = openChannel(listUser(['anybody there?']), 1_000);
      channel.onMessage(agent.acknowledge(agent.input[0]!));
      channel.schedulePump();
      await turn();
      channel.onLost(new TunnelError('SSM_CHANNEL_LOST', 'gone', { hint: 'none' }));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(over).toEqual([]);
      channel.onOpen(link);
      await vi.advanceTimersByTimeAsync(900);
      await turn();
      expect(over).toEqual([]);
      for (let passed = 0; passed < 20_000 && over.length === 0; passed += 500) {
        await vi.advanceTimersByTimeAsync(500);
        await turn();
      }
      expect(over).toEqual([expect.objectContaining({ code: 'SSM_ACK_TIMEOUT', kind: 'timeout' })]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is not that of the link: what was not acknowledged is sent again over the next one, at once and in order', async () => {
    const { agent, channel, link, lost } = openChannel(listUser(['a', 'b', 'c']));
    channel.onMessage(agent.acknowledge(agent.input[0]!));
    channel.schedulePump();
    await turn();
    channel.onMessage(agent.acknowledge(agent.input[2]!));
    const before = agent.transmissions.length;
    channel.onLost(new TunnelError('SSM_CHANNEL_LOST', 'gone', { hint: 'none' }));
    expect(lost).toHaveLength(1);
    channel.onOpen(link);
    expect(agent.transmissions.slice(before).map(({ sequenceNumber }) => sequenceNumber)).toEqual([1, 3]);
  });

  it('drops a link that opens too late', async () => {
    const { channel } = channelWithAgent();
    await channel.close();
    const late = { terminate: vi.fn() };
    channel.onOpen(late as unknown as Link);
    expect(late.terminate).toHaveBeenCalled();
  });
});

describe('recordings of the official agent', () => {
  const agentFrames = (name: string): Buffer[] =>
    readFileSync(
      new URL(`../../../ssm-protocol/test/fixtures/captures/${name}.jsonl`, import.meta.url),
      'utf8',
    )
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { from: string; hex: string })
      .filter(({ from }) => from === 'agent')
      .map(({ hex }) => Buffer.from(hex, 'hex'));

  it.each(['mux-two-streams', 'mux-refused', 'forbidden-host'])(
    'of %s are taken and acknowledged as the official client did',
    (name) => {
      const { agent, channel, over } = channelWithAgent();
      const frames = agentFrames(name);
      for (const frame of frames) channel.onMessage(frame);
      const stream = frames.filter((frame) => frame.subarray(4, 22).toString() === 'output_stream_data');
      expect(agent.acknowledged).toEqual(stream.map((frame) => frame.readUInt32BE(52)));
      expect([over, channel.state.name]).toEqual([[], 'open']);
      expect(agent.input).toHaveLength(1);
    },
  );
});
