import { rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { readCredentials } from './credentials.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** The endpoint of a container or an instance, with what it was asked. */
async function endpoint(
  answer: (request: IncomingMessage) => { status?: number; body?: string } | 'silence',
): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  server = createServer((request, response) => {
    const { authorization, 'x-aws-ec2-metadata-token': token } = request.headers;
    asked.push([request.method, request.url, authorization ?? token].filter(Boolean).join(' '));
    const answered = answer(request);
    if (answered === 'silence') return;
    const { status = 200, body = '' } = answered;
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const given = JSON.stringify({ AccessKeyId: 'AK', SecretAccessKey: 'SK', Token: 'T', Expiration: 'later' });
const credentials = { accessKeyId: 'AK', secretAccessKey: 'SK', sessionToken: 'T' };
const noInstance = { AWS_EC2_METADATA_DISABLED: 'true' };

describe('credentials of a container', () => {
  test('come from its endpoint, with the token of EKS read from its file each time', async () => {
    const { url, asked } = await endpoint(() => ({ body: given }));
    const file = join(tmpdir(), `pbc-${process.pid}`);
    await writeFile(file, 'pod-token\n');
    onTestFinished(() => rm(file));
    const environment = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'not this one',
    };
    expect(await readCredentials(environment)).toEqual(credentials);
    expect(asked).toEqual(['GET /v1/credentials pod-token']);
  });

  test('are asked for again when the endpoint is not ready, not when it refuses', async () => {
    let calls = 0;
    const busy = await endpoint(() => (++calls < 3 ? { status: 503 } : { body: given }));
    expect(await readCredentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: busy.url })).toEqual(credentials);
    server?.close();
    const denied = await endpoint(() => ({ status: 403 }));
    await expect(
      readCredentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: denied.url, ...noInstance }),
    ).rejects.toMatchObject({ code: 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE' });
    expect(denied.asked).toHaveLength(1);
  });

  test('are not fetched from another machine without encryption', async () => {
    for (const uri of [
      'http://example.org/x',
      'http://169.254.170.2.example.org/',
      'file:///x',
      'nonsense',
    ]) {
      await expect(
        readCredentials({ AWS_CONTAINER_CREDENTIALS_FULL_URI: uri, ...noInstance }),
        uri,
      ).rejects.toMatchObject({ code: 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE', kind: 'denied' });
    }
  });

  test('are not replaced by those of the machine when their endpoint fails', async () => {
    const { url, asked } = await endpoint(({ url: path }) =>
      path === '/container' ? { status: 404 } : { body: given },
    );
    await expect(
      readCredentials({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: url,
      }),
    ).rejects.toMatchObject({ code: 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE' });
    expect(asked).toEqual(['GET /container']);
  });
});

describe('credentials of an instance', () => {
  test('come from its role, by version 2 of the metadata service', async () => {
    const { url, asked } = await endpoint(({ method, url: path }) => {
      if (method === 'PUT') return { body: 'imds-token' };
      return { body: path?.endsWith('/my-role') ? given : 'my-role\n' };
    });
    expect(await readCredentials({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url })).toEqual(credentials);
    expect(asked).toEqual([
      'PUT /latest/api/token',
      'GET /latest/meta-data/iam/security-credentials/ imds-token',
      'GET /latest/meta-data/iam/security-credentials/my-role imds-token',
    ]);
  });

  test('that are not there are told with what was tried, and without what was answered', async () => {
    const { url } = await endpoint(({ method }) =>
      method === 'PUT' ? { body: 'imds-token' } : { body: '{"SecretAccessKey": "hunter2", broken' },
    );
    const error = await readCredentials({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url }).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE',
      hint: expect.stringContaining('POSTERN_DB_SECRET_FILE'),
    });
    expect(JSON.stringify([error, error.message])).not.toContain('hunter2');
    await expect(readCredentials(noInstance)).rejects.toMatchObject({
      message: 'no AWS credentials: environment: no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    });
  });

  test('that do not answer are told in words, with what a container needs', async () => {
    const { url } = await endpoint(() => 'silence');
    const variables = ['AWS_EC2_METADATA_SERVICE_ENDPOINT', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'];
    const messages = variables.map((name) =>
      readCredentials({ [name]: url }).catch((error: Error) => error.message),
    );
    expect(await Promise.all(messages)).toEqual([
      expect.stringMatching(/EC2 instance metadata: no answer within 2000 ms .*hop-limit 2/),
      expect.stringMatching(/127\.0\.0\.1:\d+: no answer within 2000 ms/),
    ]);
  });

  test.each(['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_PROFILE'])(
    'are not taken by a pod or a person who was given an identity by %s',
    async (variable) => {
      const { url, asked } = await endpoint(({ method, url: path }) =>
        method !== 'PUT' && path?.endsWith('/node') ? { body: given } : { body: 'node' },
      );
      await expect(
        readCredentials({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url, [variable]: 'x' }),
      ).rejects.toMatchObject({
        code: 'BOOTSTRAP_CREDENTIALS_UNAVAILABLE',
        message: expect.stringContaining(variable),
        hint: expect.stringMatching(/export-credentials.*POSTERN_DB_SECRET_FILE/),
      });
      expect(asked).toEqual([]);
    },
  );
});
