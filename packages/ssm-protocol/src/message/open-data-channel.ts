import { encodeJson, member, optionalText, parseJsonObject, requireText } from './json-body.ts';

/** The text frame that either role sends first on every WebSocket it opens (protocol section "OpenDataChannel"). */
export interface OpenDataChannel {
  /** Fresh UUID for each frame. */
  requestId: string;
  /** From StartSession or ResumeSession. Secret. */
  tokenValue: string;
  /** One UUID for the whole life of the client, the same after a resume. Old clients leave it out. */
  clientId?: string;
  /** Clients only. Old clients leave it out. */
  clientVersion?: string;
  /** Agents only: the instance id. */
  clientInstanceId?: string;
}

export function encodeOpenDataChannel(open: OpenDataChannel): string {
  return encodeJson({
    MessageSchemaVersion: '1.0',
    RequestId: open.requestId,
    TokenValue: open.tokenValue,
    ClientInstanceId: open.clientInstanceId,
    ClientId: open.clientId,
    ClientVersion: open.clientVersion,
  });
}

export function parseOpenDataChannel(text: string): OpenDataChannel {
  const body = parseJsonObject('OpenDataChannel', text);
  const clientId = optionalText('OpenDataChannel.ClientId', member(body, 'ClientId'));
  const clientVersion = optionalText('OpenDataChannel.ClientVersion', member(body, 'ClientVersion'));
  const clientInstanceId = optionalText('OpenDataChannel.ClientInstanceId', member(body, 'ClientInstanceId'));
  return {
    requestId: requireText('OpenDataChannel.RequestId', member(body, 'RequestId')),
    tokenValue: requireText('OpenDataChannel.TokenValue', member(body, 'TokenValue')),
    ...(clientId === '' ? {} : { clientId }),
    ...(clientVersion === '' ? {} : { clientVersion }),
    ...(clientInstanceId === '' ? {} : { clientInstanceId }),
  };
}
