import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from './credentials.ts';

export interface SecretRequest {
  readonly endpoint: URL;
  readonly region: string;
  readonly body: string;
  readonly credentials: Credentials;
  readonly now: Date;
}

/**
 * The headers of one signed `GetSecretValue`. A signer for everything would be a tenth of the artefact, and it makes one
 * request.
 *
 * Source: "Create a signed AWS API request" of the IAM User Guide.
 */
export function signSecretRequest(request: SecretRequest): Record<string, string> {
  const { endpoint, region, body, credentials, now } = request;
  const time = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/${region}/secretsmanager/aws4_request`;
  // In the order of their names, as they are signed.
  const headers: Record<string, string> = {
    'content-type': 'application/x-amz-json-1.1',
    host: endpoint.host,
    'x-amz-date': time,
    ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
    'x-amz-target': 'secretsmanager.GetSecretValue',
  };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const canonical = ['POST', endpoint.pathname, '', lines.join(''), names, sha256(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
  const signature = hmac(key, toSign).toString('hex');
  const credential = `${credentials.accessKeyId}/${scope}`;
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
