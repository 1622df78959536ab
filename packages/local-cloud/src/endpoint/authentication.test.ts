import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DescribeDBClustersCommand, RDSClient } from '@aws-sdk/client-rds';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DescribeInstanceInformationCommand, SSMClient } from '@aws-sdk/client-ssm';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import aws4, { type SignableRequest } from 'aws4';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import { region, startTestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import type { Credentials } from '../iam/index.ts';
import { amzDate } from '../sigv4/verify.ts';

let aws: TestEndpoint;
beforeAll(async () => {
  aws = await startTestEndpoint();
});
afterAll(() => aws[Symbol.asyncDispose]());

/** One call of each protocol, as raw HTTP: method, path, headers and body before signing. */
const calls = {
  json: {
    service: 'ssm',
    path: '/',
    headers: {
      'X-Amz-Target': 'AmazonSSM.DescribeInstanceInformation',
      'Content-Type': 'application/x-amz-json-1.1',
    },
    body: '{}',
  },
  lambda: {
    service: 'lambda',
    path: '/2015-03-31/functions/boot/invocations',
    headers: { 'Content-Type': 'application/octet-stream' },
    body: '{}',
  },
  query: {
    service: 'rds',
    path: '/',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'Action=DescribeDBClusters&Version=2014-10-31',
  },
  sts: {
    service: 'sts',
    path: '/',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'Action=GetCallerIdentity&Version=2011-06-15',
  },
} as const;
type Protocol = keyof typeof calls;

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers: Headers;
}

async function send(
  protocol: Protocol,
  change: {
    credentials?: Credentials;
    region?: string;
    dateMs?: number;
    edit?: (headers: Record<string, string>) => void;
  },
): Promise<Answer> {
  const { service, path, headers, body } = calls[protocol];
  const options: SignableRequest = {
    method: 'POST',
    host: new URL(aws.url).host,
    path,
    service,
    region: change.region ?? region,
    body,
    headers: { ...headers, 'X-Amz-Date': amzDate(change.dateMs ?? Date.now()) },
  };
  aws4.sign(options, change.credentials ?? aws.client().credentials);
  const signed = { ...(options.headers as Record<string, string>) };
  change.edit?.(signed);
  delete signed['Host'];
  delete signed['Content-Length'];
  const response = await fetch(aws.url + path, { method: 'POST', headers: signed, body });
  const text = await response.text();
  const code =
    /<Code>(.*)<\/Code>/.exec(text)?.[1] ??
    response.headers.get('x-amzn-errortype') ??
    /"__type":"([^"]*)"/.exec(text)?.[1] ??
    '';
  const message = /<Message>(.*)<\/Message>/.exec(text)?.[1] ?? /"message":"(.*?)"[,}]/.exec(text)?.[1] ?? '';
  return { status: response.status, code, message, headers: response.headers };
}

const invalidToken = 'The security token included in the request is invalid.';
const minute = 60_000;
const rows: ReadonlyArray<
  readonly [
    name: string,
    change: () => Parameters<typeof send>[1],
    json: string,
    query: string,
    message: RegExp | string,
    queryStatus: number,
  ]
> = [
  [
    'an unknown key',
    () => ({ credentials: { accessKeyId: 'AKIAUNKNOWN234567ABC', secretAccessKey: 'x' } }),
    'UnrecognizedClientException',
    'InvalidClientTokenId',
    invalidToken,
    403,
  ],
  [
    'the token of another session',
    () => ({
      credentials: { ...aws.iam.createSession('admin', { expiresInMs: minute }), sessionToken: 'x' },
    }),
    'UnrecognizedClientException',
    'InvalidClientTokenId',
    invalidToken,
    403,
  ],
  [
    'temporary credentials without their token',
    () => {
      const { accessKeyId, secretAccessKey } = aws.iam.createSession('admin', { expiresInMs: minute });
      return { credentials: { accessKeyId, secretAccessKey } };
    },
    'UnrecognizedClientException',
    'InvalidClientTokenId',
    invalidToken,
    403,
  ],
  [
    'expired credentials',
    () => {
      const credentials = aws.iam.createSession('admin', { expiresInMs: minute });
      aws.iam.setExpiration(credentials.accessKeyId, Date.now() - 1);
      return { credentials };
    },
    'ExpiredTokenException',
    'ExpiredToken',
    'The security token included in the request is expired',
    403,
  ],
  [
    'a wrong secret',
    () => ({ credentials: { ...aws.client().credentials, secretAccessKey: 'x' } }),
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    /^The request signature we calculated does not match the signature you provided\. Check your AWS Secret Access Key/,
    403,
  ],
  [
    'a signature that is too old',
    () => ({ dateMs: Date.now() - 20 * minute }),
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - (5|15) min\.\)$/,
    403,
  ],
  [
    'a signature of the future',
    () => ({ dateMs: Date.now() + 20 * minute }),
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    /^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ (5|15) min\.\)$/,
    403,
  ],
  [
    'another region',
    () => ({ region: 'us-east-1' }),
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    "Credential should be scoped to a valid region, not 'us-east-1'.",
    403,
  ],
  [
    'no signature',
    () => ({ edit: (headers) => delete headers['Authorization'] }),
    'MissingAuthenticationTokenException',
    'MissingAuthenticationToken',
    'Missing Authentication Token',
    403,
  ],
  [
    'an Authorization header that cannot be read',
    () => ({ edit: (headers) => (headers['Authorization'] = 'AWS4-HMAC-SHA256 Credential=x') }),
    'IncompleteSignatureException',
    'IncompleteSignature',
    /SignedHeaders/,
    400,
  ],
];

describe.each(rows)('%s is refused', (_name, change, json, query, message, queryStatus) => {
  const expected = {
    json: { status: 400, code: json },
    lambda: { status: 403, code: json },
    query: { status: queryStatus, code: query },
    sts: { status: queryStatus, code: query },
  };
  test.each(Object.keys(expected) as Protocol[])('as %s says it', async (protocol) => {
    const answer = await send(protocol, change());
    expect(answer).toMatchObject(expected[protocol]);
    expect(answer.message).toMatch(message);
    expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

test('STS forgives 14 minutes, the other services 4', async () => {
  expect(await send('sts', { dateMs: Date.now() - 14 * minute })).toMatchObject({ status: 200 });
  expect(await send('query', { dateMs: Date.now() - 4 * minute })).toMatchObject({ status: 200 });
  expect(await send('query', { dateMs: Date.now() - 6 * minute })).toMatchObject({ status: 403 });
});

/** One call of each client, for what SDKs make of the answers. */
const clients: ReadonlyArray<
  readonly [
    string,
    string,
    string,
    number,
    string,
    string,
    (options: ReturnType<TestEndpoint['client']>) => Promise<unknown>,
  ]
> = [
  [
    'SSM',
    'SSM.DescribeInstanceInformation',
    'UnrecognizedClientException',
    400,
    'ExpiredTokenException',
    'ssm:DescribeInstanceInformation',
    (options) => new SSMClient(options).send(new DescribeInstanceInformationCommand({})),
  ],
  [
    'Secrets Manager',
    'SecretsManager.GetSecretValue',
    'UnrecognizedClientException',
    400,
    'ExpiredTokenException',
    'secretsmanager:GetSecretValue',
    (options) => new SecretsManagerClient(options).send(new GetSecretValueCommand({ SecretId: 'x' })),
  ],
  [
    'Lambda',
    'Lambda.Invoke',
    'UnrecognizedClientException',
    403,
    'ExpiredTokenException',
    'lambda:InvokeFunction',
    (options) => new LambdaClient(options).send(new InvokeCommand({ FunctionName: 'boot' })),
  ],
  [
    'RDS',
    'RDS.DescribeDBClusters',
    'InvalidClientTokenId',
    403,
    'ExpiredToken',
    'rds:DescribeDBClusters',
    (options) => new RDSClient(options).send(new DescribeDBClustersCommand({})),
  ],
  [
    'STS',
    'STS.AssumeRole',
    'InvalidClientTokenId',
    403,
    'ExpiredToken',
    'sts:AssumeRole',
    (options) =>
      new STSClient(options).send(
        new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::123456789012:role/none', RoleSessionName: 'abc' }),
      ),
  ],
];

describe.each(clients)('the %s client', (id, operation, unknownKey, status, expired, action, call) => {
  const count = (): number => aws.endpoint.statistics()[operation] ?? 0;

  test('sees an unknown key once', async () => {
    const before = count();
    const credentials = { accessKeyId: 'AKIAUNKNOWN234567ABC', secretAccessKey: 'x' };
    await expect(call(aws.client(credentials))).rejects.toMatchObject({
      name: unknownKey,
      $metadata: { httpStatusCode: status, attempts: 1, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    expect(count() - before).toBe(1);
  });

  test('sees expired credentials once', async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = aws.iam.createSession('admin', {
      expiresInMs: minute,
    });
    aws.iam.setExpiration(accessKeyId, Date.now() - 1);
    const credentials = { accessKeyId, secretAccessKey, sessionToken: sessionToken as string };
    const before = count();
    await expect(call(aws.client(credentials))).rejects.toMatchObject({
      name: expired,
      $metadata: { httpStatusCode: status },
    });
    expect(count() - before).toBe(1);
  });

  test('sees a denied call with the sentence that names action and resource', async () => {
    const credentials = aws.user(`nobody-${id.replace(' ', '-')}`);
    const before = count();
    await expect(call(aws.client(credentials))).rejects.toMatchObject({
      name: ['RDS', 'STS'].includes(id) ? 'AccessDenied' : 'AccessDeniedException',
      message: expect.stringMatching(
        new RegExp(
          `^User: arn:aws:iam::123456789012:user/nobody-\\S+ is not authorized to perform: ${action} on resource: \\S+ because no identity-based policy allows the ${action} action$`,
        ),
      ),
      $fault: 'client',
      $metadata: { httpStatusCode: status, attempts: 1 },
    });
    expect(count() - before).toBe(1);
  });
});

test('a client whose clock is wrong corrects it from our Date, as with AWS', async () => {
  await using shifted = await startTestEndpoint();
  shifted.time.offsetMs = 40 * minute;
  const client = new STSClient(shifted.client());
  await client.send(new GetCallerIdentityCommand({}));
  expect(shifted.endpoint.statistics()['STS.GetCallerIdentity']).toBe(2);
  await client.send(new GetCallerIdentityCommand({}));
  expect(shifted.endpoint.statistics()['STS.GetCallerIdentity']).toBe(3);
});
