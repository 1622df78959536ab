import { type ChannelUser, DataChannel } from '../src/channel/data-channel.ts';
import type { Link } from '../src/channel/web-socket-link.ts';
import type { TunnelError } from '../src/errors.ts';
import { ScriptedAgent } from './scripted-agent.ts';

/** A channel on a link that is a list. */
export function channelWithAgent(user: Partial<ChannelUser> = {}): {
  agent: ScriptedAgent;
  channel: DataChannel;
  link: { state: 'open' | 'closed' | 'terminated' };
  over: (TunnelError | undefined)[];
  payloads: string[];
} {
  const agent = new ScriptedAgent();
  const over: (TunnelError | undefined)[] = [];
  const payloads: string[] = [];
  const channel = new DataChannel({
    onPayload: (payload) => payloads.push(Buffer.from(payload).toString()),
    onConnectToPortError: () => payloads.push('connect error'),
    nextPayload: () => [],
    onPayloadSent: () => {},
    onOver: (error) => over.push(error),
    ...user,
  });
  const link: Link & { state: 'open' | 'closed' | 'terminated' } = {
    state: 'open',
    bufferedBytes: 0,
    send: (bytes) => {
      agent.receive(bytes);
    },
    cork: () => {},
    setRef: () => {},
    close: async () => {
      link.state = 'closed';
    },
    terminate: () => {
      link.state = 'terminated';
    },
  };
  channel.onOpen(link);
  return { agent, channel, link, over, payloads };
}

export function openChannel(user: Partial<ChannelUser> = {}): ReturnType<typeof channelWithAgent> {
  const parts = channelWithAgent(user);
  parts.channel.onMessage(parts.agent.handshakeRequest());
  parts.channel.onMessage(parts.agent.handshakeComplete());
  return parts;
}
