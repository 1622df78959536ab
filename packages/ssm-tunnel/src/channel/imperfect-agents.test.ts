import { MessageType, PayloadType } from '@postern/ssm-protocol';
import { describe, expect, it, vi } from 'vitest';
import { channelWithAgent, openChannel } from '../../test/channel-with-agent.ts';
import type { ScriptedAgent } from '../../test/scripted-agent.ts';
import { TunnelError } from '../errors.ts';

const never = new AbortController().signal;

const damages: [string, (bytes: Buffer) => Buffer][] = [
  ['is garbage', () => Buffer.from('hello')],
  ['is text', () => Buffer.from('{"message":"Forbidden"}')],
  ['has a false length', (bytes) => changed(bytes, (copy) => copy.writeUInt32BE(99, 116))],
  ['has a wrong digest', (bytes) => changed(bytes, (copy) => copy.writeUInt8(0x41, 120))],
  ['has no date', (bytes) => changed(bytes, (copy) => copy.fill(0, 40, 48))],
  ['has no type', (bytes) => changed(bytes, (copy) => copy.fill(0x20, 4, 36))],
  ['has another header length', (bytes) => changed(bytes, (copy) => copy.writeUInt32BE(112, 0))],
  ['has a negative number', (bytes) => changed(bytes, (copy) => copy.fill(0xff, 48, 56))],
];

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

/** The same message as a service that pads with NUL would send it. */
const padded = (bytes: Buffer): Buffer =>
  changed(bytes, (copy) => {
    for (let at = 35; copy[at] === 0x20; at--) copy[at] = 0;
  });

describe('a damaged message', () => {
  it.each(damages)('that %s is not acknowledged, and the repeated one is delivered', (_, damage) => {
    const { agent, channel, over, payloads } = openChannel();
    const message = agent.data('abc');
    channel.onMessage(damage(message));
    expect([agent.acknowledged, payloads, over]).toEqual([[0, 1], [], []]);
    channel.onMessage(message);
    expect([agent.acknowledged, payloads, over]).toEqual([[0, 1, 2], ['abc'], []]);
    expect(channel.statistics.damaged).toBe(1);
  });

  it('does not keep a tunnel open for ever when it comes again and again', () => {
    const { agent, channel, over, link } = openChannel();
    const broken = changed(agent.data('abc'), (copy) => copy.writeUInt8(0x41, 120));
    for (let time = 0; time < 16; time++) channel.onMessage(broken);
    expect(over).toEqual([]);
    channel.onMessage(broken);
    expect(over).toEqual([
      expect.objectContaining({
        code: 'SSM_DIGEST_MISMATCH',
        kind: 'protocol',
        field: 'PayloadDigest',
        offset: 80,
      }),
    ]);
    expect(link.state).toBe('terminated');
  });

  it('may be the very first one when only its digest is wrong', () => {
    const { agent, channel, over } = channelWithAgent();
    const request = agent.handshakeRequest();
    channel.onMessage(changed(request, (copy) => copy.writeUInt8(0x41, 130)));
    channel.onMessage(request);
    channel.onMessage(agent.handshakeComplete());
    expect([channel.state.name, over]).toEqual(['open', []]);
  });

  it('shows at once that the other side speaks something else when nothing usable came before', () => {
    const { channel, over } = channelWithAgent();
    channel.onMessage(Buffer.from('SSH-2.0'));
    expect(over).toEqual([
      expect.objectContaining({ code: 'SSM_FRAME_INVALID', field: 'message', offset: 7 }),
    ]);
  });
});

describe('a message that is unusual but right', () => {
  it('may be padded with NUL', () => {
    const { agent, channel, over, payloads } = channelWithAgent();
    for (const message of [
      agent.control(MessageType.agentSessionState, '{}'),
      agent.control(MessageType.startPublication),
      agent.handshakeRequest(),
      agent.handshakeComplete(),
      agent.data('abc'),
    ])
      channel.onMessage(padded(message));
    expect([payloads, over]).toEqual([['abc'], []]);
  });

  it.each([MessageType.startPublication, MessageType.pausePublication])(
    'may be a %s without date, digest or body',
    (type) => {
      const { agent, channel, over } = openChannel();
      channel.onMessage(changed(agent.control(type), (copy) => copy.fill(0, 40, 112)));
      expect([channel.statistics.damaged, over]).toEqual([0, []]);
    },
  );

  it('may be empty, with or without the digest of nothing', () => {
    const { agent, channel, over, payloads } = openChannel();
    channel.onMessage(agent.data(''));
    channel.onMessage(changed(agent.data(''), (copy) => copy.fill(0, 80, 112)));
    expect([agent.acknowledged, payloads, over]).toEqual([[0, 1, 2, 3], ['', ''], []]);
  });

  it('may acknowledge what was never sent, or twice', () => {
    const { agent, channel, over } = openChannel();
    const response = agent.input[0]!;
    for (const number of [0, 0, 7, 2 ** 40])
      channel.onMessage(agent.acknowledge({ ...response, sequenceNumber: number }));
    expect([channel.statistics.unackedMessages, over]).toEqual([0, []]);
  });

  it('may have an id that is no UUID of any version', () => {
    const { agent, channel, payloads } = openChannel();
    const message = agent.output(PayloadType.output, Buffer.from('abc'), {
      messageId: '00000000-0000-0000-0000-000000000000',
    });
    channel.onMessage(message);
    expect(payloads).toEqual(['abc']);
    const answer = JSON.parse(Buffer.from(agent.received.at(-1)!.payload).toString());
    expect(answer.AcknowledgedMessageId).toBe('00000000-0000-0000-0000-000000000000');
  });

  it.each(['', '{', '[]', '{"Output":7}'])('may be a notice of the end with the body %j', (body) => {
    const { agent, channel, over } = openChannel();
    channel.onMessage(agent.control(MessageType.channelClosed, body));
    expect(over).toEqual([expect.objectContaining({ code: 'SSM_CHANNEL_CLOSED' })]);
  });

  it.each(['3.3.987', '3.3.987.0-custom'])('may come from an agent that calls itself %s', (version) => {
    const { agent, channel, over } = channelWithAgent();
    channel.onMessage(agent.handshakeRequest(undefined, version));
    channel.onMessage(agent.handshakeComplete());
    expect([channel.state.name, over]).toEqual(['open', []]);
  });
});

describe('a service that does not say all it should', () => {
  const answeredTerminate = (): { agent: ScriptedAgent } & ReturnType<typeof openChannel> => {
    const parts = openChannel();
    expect(parts.channel.sendTerminateFlag()).toBe(true);
    return parts;
  };

  it('has ended the session in order when it hangs up after the agent agreed to end', async () => {
    const { agent, channel, over } = answeredTerminate();
    channel.onMessage(agent.acknowledge(agent.input.at(-1)!));
    channel.onLost(new TunnelError('SSM_CHANNEL_LOST', 'gone', { hint: 'none' }));
    expect(over).toEqual([undefined]);
    await channel.close();
  });

  it('cannot stall a tunnel by forgetting to end a pause', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
    try {
      const list = ['one', 'two'];
      const { agent, channel } = openChannel({
        nextPayload: () => list.splice(0, 1).map((text) => Buffer.from(text)),
      });
      channel.onMessage(agent.acknowledge(agent.input[0]!));
      channel.onMessage(agent.control(MessageType.pausePublication));
      channel.schedulePump();
      await vi.advanceTimersByTimeAsync(900);
      expect(agent.smux.toString()).toBe('');
      await vi.advanceTimersByTimeAsync(300);
      expect(agent.smux.toString()).toBe('one');
      await vi.advanceTimersByTimeAsync(5_000);
      expect(agent.smux.toString()).toBe('one');
      channel.onMessage(agent.acknowledge(agent.input[1]!));
      await vi.advanceTimersByTimeAsync(10);
      expect(agent.smux.toString()).toBe('onetwo');
      await channel.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('has not ended the session when it hangs up before the agent agreed', async () => {
    const { channel, lost, over } = answeredTerminate();
    channel.onLost(new TunnelError('SSM_CHANNEL_LOST', 'gone', { hint: 'none' }));
    expect([lost, over]).toEqual([[expect.objectContaining({ code: 'SSM_CHANNEL_LOST' })], []]);
    expect(await channel.terminateSession(never)).toBe(false);
    await channel.close();
  });
});
