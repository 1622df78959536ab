import type { Credentials } from './credentials.ts';
import { sha256, sign, signingTime } from './sigv4.ts';

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
  const time = signingTime(now);
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
  const signature = sign(canonical, { time, scope, secretAccessKey: credentials.secretAccessKey });
  const credential = `${credentials.accessKeyId}/${scope}`;
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}
