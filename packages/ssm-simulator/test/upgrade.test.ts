import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type AccessRequest, SsmApiError } from '../src/index.ts';
import { type Access, openText, RawClient, start, user } from './raw-client.ts';
import { running } from './setup.ts';

const signed = {
  authorization: 'AWS4-HMAC-SHA256 Credential=AKIA/20261122/eu-west-2/ssmmessages/aws4_request',
};

/** The status and error type of a refused upgrade. */
async function refusal(access: Access, headers: Record<string, string> = {}): Promise<string> {
  const socket = new WebSocket(access.StreamUrl, { headers });
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  response.resume();
  return `${response.statusCode} ${response.headers['x-amzn-errortype']}`;
}

test('unsigned upgrades pass unless a signature is required', async () => {
  await using lenient = await running();
  await (await RawClient.open(await start(lenient, { port: 5432 }))).stream(5);

  await using strict = await running({ requireSignedUpgrade: true });
  const access = await start(strict, { port: 5432 });
  expect(await refusal(access)).toBe('403 MissingAuthenticationTokenException');
  expect(strict.violations()).toMatchObject([{ kind: 'unsigned-upgrade', sessionId: access.SessionId }]);
  const socket = new WebSocket(access.StreamUrl, { headers: signed });
  await once(socket, 'open');
  socket.send(openText(access.TokenValue));
  await once(socket, 'message');
  const presigned = await start(strict, { port: 5432 });
  const other = new WebSocket(`${presigned.StreamUrl}&X-Amz-Signature=00`);
  await once(other, 'open');
  expect(strict.violations()).toHaveLength(1);
});

test('who signed it needs ssmmessages:OpenDataChannel on the session', async () => {
  const asked: AccessRequest[] = [];
  await using simulator = await running({
    verifyUpgrade: (request) => (request.headers.authorization === undefined ? undefined : user),
    authorize: (request) => {
      asked.push(request);
      if (request.action === 'ssmmessages:OpenDataChannel' && asked.length > 3)
        throw new SsmApiError('AccessDeniedException', 'no');
    },
  });
  const access = await start(simulator, { port: 5432 });
  const socket = new WebSocket(access.StreamUrl, { headers: signed });
  await once(socket, 'open');
  expect(asked.at(-1)).toMatchObject({
    caller: user,
    action: 'ssmmessages:OpenDataChannel',
    resource: `arn:aws:ssm:eu-west-2:123456789012:session/${access.SessionId}`,
  });
  expect(await refusal(access, signed)).toBe('403 AccessDeniedException');
});

test('a bad signature, and a check that fails itself, are refused before the upgrade', async () => {
  let error: Error = new SsmApiError('InvalidSignatureException', 'no');
  await using simulator = await running({
    verifyUpgrade: () => {
      throw error;
    },
  });
  const access = await start(simulator, { port: 5432 });
  expect(await refusal(access)).toBe('403 InvalidSignatureException');
  error = new Error('the hook is broken');
  expect(await refusal(access)).toBe('500 InternalServerError');
});

test('the cell number comes back as it was given, raw plus and slash included', async () => {
  let seen = '';
  await using simulator = await running({
    verifyUpgrade: (request) => {
      seen = request.url ?? '';
      return undefined;
    },
  });
  const access = await start(simulator, { port: 5432 });
  await (await RawClient.open(access)).stream(5);
  expect(access.StreamUrl.endsWith(seen)).toBe(true);
  expect(seen).toMatch(/cell-number=.*\+.*\//);
});
