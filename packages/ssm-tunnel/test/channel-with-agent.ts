import type { ChannelUser } from '../src/channel/channel-user.ts';
import { DataChannel } from '../src/channel/data-channel.ts';
import type { Link } from '../src/channel/web-socket-link.ts';
import type { TunnelError } from '../src/errors.ts';
import { ScriptedAgent } from './scripted-agent.ts';

/** A channel on a link that is a list. */
export function channelWithAgent(
  user: Partial<ChannelUser> = {},
  ackTimeoutMs = 300_000,
): {
  agent: ScriptedAgent;
  channel: DataChannel;
  link: Link & { state: 'open' | 'closed' | 'terminated' };
  /** Losses of the link that the channel reported. */
  lost: TunnelError[];
  over: (TunnelError | undefined)[];
  payloads: string[];
} {
  const agent = new ScriptedAgent();
  const over: (TunnelError | undefined)[] = [];
  const payloads: string[] = [];
  const lost: TunnelError[] = [];
  const callbacks: ChannelUser = {
    onReady: () => {},
    onPayload: (payload) => payloads.push(Buffer.from(payload).toString()),
    onConnectToPortError: () => payloads.push('connect error'),
    nextPayload: () => [],
    onPayloadSent: () => {},
    onLinkLost: (error) => lost.push(error),
    onOver: (error) => over.push(error),
    ...user,
  };
  const channel = new DataChannel(callbacks, { uploadPayloadBytes: 1_024, ackTimeoutMs });
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
  return { agent, channel, link, lost, over, payloads };
}

export function openChannel(
  user: Partial<ChannelUser> = {},
  ackTimeoutMs?: number,
): ReturnType<typeof channelWithAgent> {
  const parts = channelWithAgent(user, ackTimeoutMs);
  parts.channel.onMessage(parts.agent.handshakeRequest());
  parts.channel.onMessage(parts.agent.handshakeComplete());
  return parts;
}
