import { MessageType } from './constants.ts';
import { encodeJson, member, optionalText, parseJsonObject } from './json-body.ts';

/** The service's notice that the session is over. */
export interface ChannelClosed {
  sessionId: string;
  /** The agent's last words: why the session failed. Empty when it ended as asked. */
  output: string;
}

export function parseChannelClosed(payload: Uint8Array): ChannelClosed {
  const body = parseJsonObject('channel_closed', payload);
  return {
    sessionId: optionalText('channel_closed.SessionId', member(body, 'SessionId')),
    output: optionalText('channel_closed.Output', member(body, 'Output')),
  };
}

/** Encodes the body; `messageId` and `createdDateMs` are those of the envelope around it. */
export function encodeChannelClosed(
  closed: ChannelClosed,
  envelope: { messageId: string; createdDateMs: number; destinationId?: string },
): Buffer {
  return Buffer.from(
    encodeJson({
      MessageId: envelope.messageId,
      CreatedDate: new Date(envelope.createdDateMs).toISOString(),
      DestinationId: envelope.destinationId ?? closed.sessionId,
      SessionId: closed.sessionId,
      MessageType: MessageType.channelClosed,
      SchemaVersion: 1,
      Output: closed.output,
    }),
  );
}
