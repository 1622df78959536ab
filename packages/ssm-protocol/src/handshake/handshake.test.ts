import { describe, expect, it } from 'vitest';
import { encodeHandshakeComplete, parseHandshakeComplete } from './handshake-complete.ts';
import { encodeHandshakeRequest, parseHandshakeRequest } from './handshake-request.ts';
import { ActionStatus, encodeHandshakeResponse, parseHandshakeResponse } from './handshake-response.ts';

describe('the handshake', () => {
  it('is answered in the exact bytes of the official client', () => {
    const body = encodeHandshakeResponse({
      clientVersion: '1.2.677.0',
      actions: [{ actionType: 'SessionType', status: ActionStatus.success, error: '' }],
    });
    expect(body.toString()).toBe(
      '{"ClientVersion":"1.2.677.0","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":null}',
    );
  });

  it('keeps every action the agent asks for, known or not', () => {
    const request = {
      agentVersion: '3.3.987.0',
      actions: [
        { actionType: 'SessionType' as const, sessionType: 'Port', properties: { portNumber: '5432' } },
        { actionType: 'KMSEncryption' as const, kmsKeyId: 'arn:key', challenge: 'AAAA' },
        { actionType: 'Unknown' as const, name: 'Dance', parameters: { steps: 3 } },
      ],
    };
    expect(parseHandshakeRequest(encodeHandshakeRequest(request))).toEqual(request);
  });

  it('reads an agent that sends no properties and no challenge', () => {
    const body =
      '{"AgentVersion":"3.0.0.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Standard_Stream","Properties":null}},{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"k"}}]}';
    expect(parseHandshakeRequest(Buffer.from(body)).actions).toEqual([
      { actionType: 'SessionType', sessionType: 'Standard_Stream', properties: null },
      { actionType: 'KMSEncryption', kmsKeyId: 'k' },
    ]);
  });

  it.each([
    ['HandshakeRequest.AgentVersion', '{"RequestedClientActions":[]}'],
    ['RequestedClientAction', '{"AgentVersion":"1","RequestedClientActions":[7]}'],
    [
      'HandshakeRequest.RequestedClientActions',
      `{"AgentVersion":"1","RequestedClientActions":[${'{"ActionType":"x"},'.repeat(16)}{"ActionType":"x"}]}`,
    ],
    [
      'SessionType.Properties',
      '{"AgentVersion":"1","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":[]}}]}',
    ],
  ])('names %s when it is broken', (field, body) => {
    expect(() => parseHandshakeRequest(Buffer.from(body))).toThrow(expect.objectContaining({ field }));
  });

  it('keeps failures and their words in the response', () => {
    const response = {
      clientVersion: '1.2.707.0',
      actions: [{ actionType: 'KMSEncryption', status: ActionStatus.failed, result: null, error: 'no' }],
      errors: ['no'],
    };
    expect(parseHandshakeResponse(encodeHandshakeResponse(response))).toEqual(response);
  });

  it('is complete with or without words for the user', () => {
    const complete = { timeToCompleteNs: 3_584_425, customerMessage: 'Welcome' };
    expect(parseHandshakeComplete(encodeHandshakeComplete(complete))).toEqual(complete);
    expect(parseHandshakeComplete(Buffer.from('{}'))).toEqual({ timeToCompleteNs: 0, customerMessage: '' });
  });
});
