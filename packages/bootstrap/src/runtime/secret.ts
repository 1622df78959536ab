import { readFile } from 'node:fs/promises';
import { BootstrapError, isBootstrapError } from '../errors.ts';
import type { Credentials } from './credentials.ts';
import { signSecretRequest } from './secret-signature.ts';

export interface MasterSecret {
  readonly username: string;
  readonly password: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where the master's name and password are: in Secrets Manager, or in a file that something else keeps up to date. Who has
 * `remainingMs` left is told in that time that Secrets Manager does not answer.
 */
export async function readMasterSecret(
  from: { readonly arn: string } | { readonly file: string },
  environment: Environment,
  remainingMs: () => number = () => Number.POSITIVE_INFINITY,
): Promise<MasterSecret> {
  if ('arn' in from) return await readFromSecretsManager(from.arn, environment, remainingMs);
  const text = await readFile(from.file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new BootstrapError(
      'BOOTSTRAP_SECRET_MISSING',
      `POSTERN_DB_SECRET_FILE cannot be read: ${cause.code}`,
      {
        hint: 'It must name a file that this process can read.',
        details: { file: from.file },
        cause,
      },
    );
  });
  return parseSecret(text, 'POSTERN_DB_SECRET_FILE', { file: from.file });
}

/**
 * Reads the master secret with one signed request. The AWS SDK would treble the artefact for this one call;
 * the endpoint variables and the credentials of the environment are honoured as the SDK does.
 */
async function readFromSecretsManager(
  arn: string,
  environment: Environment,
  remainingMs: () => number,
): Promise<MasterSecret> {
  const [, partition = 'aws', , region = ''] = arn.split(':');
  const endpoint = endpointOf(environment, region, partition);
  const body = JSON.stringify({ SecretId: arn });
  let status = 0;
  let text = '';
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await send(endpoint, region, body, environment, waitMs(remainingMs()));
      status = answer.status;
      text = await answer.text();
      if (status < 500 && !/Throttling|TooManyRequests/.test(text)) break;
      if (attempt === 3) break;
    } catch (cause) {
      if (isBootstrapError(cause)) throw cause;
      if (attempt < 3 && (cause as Error).name !== 'TimeoutError') continue;
      throw new BootstrapError(
        'BOOTSTRAP_SECRET_UNAVAILABLE',
        `Secrets Manager at ${endpoint.host} cannot be reached`,
        {
          hint: 'In a private subnet the function needs the secretsmanager interface endpoint, with private DNS and port 443 open to it.',
          cause,
        },
      );
    }
  }
  if (status !== 200) throw refused(arn, status, text);
  return parseSecret(secretStringOf(text), 'POSTERN_DB_SECRET_ARN', { secretArn: arn });
}

function endpointOf(environment: Environment, region: string, partition: string): URL {
  const ignored = environment['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true';
  const configured = ignored
    ? undefined
    : environment['AWS_ENDPOINT_URL_SECRETS_MANAGER'] || environment['AWS_ENDPOINT_URL'];
  const suffix = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
  return new URL(configured ?? `https://secretsmanager.${region}.${suffix}`);
}

async function send(
  endpoint: URL,
  region: string,
  body: string,
  environment: Environment,
  timeoutMs: number,
): Promise<Response> {
  const headers = signSecretRequest({
    endpoint,
    region,
    body,
    credentials: await credentialsOf(environment),
    now: new Date(),
  });
  return await fetch(endpoint, { method: 'POST', headers, body, signal: AbortSignal.timeout(timeoutMs) });
}

/** Lambda's own time-out would hide what is wrong; Lambda's default is 3 s. */
export function waitMs(remainingMs: number, mostMs: number = 10_000): number {
  return Math.round(Math.min(mostMs, Math.max(500, remainingMs - 1_000)));
}

/** Those of the environment, as in Lambda; else of the container or the instance. */
export async function credentialsOf(environment: Environment): Promise<Credentials> {
  const accessKeyId = environment['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'];
  const sessionToken = environment['AWS_SESSION_TOKEN'];
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
  }
  // Never in Lambda, so not in its way.
  const { readCredentials } = await import('./credentials.ts');
  return await readCredentials(environment);
}

function refused(arn: string, status: number, text: string): BootstrapError {
  let type = '';
  let message = '';
  try {
    const answer = JSON.parse(text) as { __type?: string; message?: string; Message?: string };
    type = answer.__type?.split('#').pop() ?? '';
    message = answer.message ?? answer.Message ?? '';
  } catch {
    // Not an answer of the service: the status has to do.
  }
  const details = { secretArn: arn, type, status };
  const said = `Secrets Manager: ${[type || `status ${status}`, message].filter(Boolean).join(': ')}`;
  switch (type) {
    case 'ResourceNotFoundException':
      return new BootstrapError('BOOTSTRAP_SECRET_MISSING', said, {
        hint: 'POSTERN_DB_SECRET_ARN names no secret. A managed master secret changes its ARN when the cluster is recreated.',
        details,
      });
    case 'AccessDeniedException':
    case 'UnrecognizedClientException':
    case 'InvalidSignatureException':
    case 'ExpiredTokenException':
      return new BootstrapError('BOOTSTRAP_SECRET_DENIED', said, {
        hint: "The function's role needs secretsmanager:GetSecretValue on this ARN, and kms:Decrypt if the secret has a customer key.",
        details,
      });
    case 'InvalidRequestException':
    case 'InvalidParameterException':
    case 'DecryptionFailure':
      return new BootstrapError('BOOTSTRAP_SECRET_INVALID', said, {
        hint: 'The secret is being deleted, has no current version or cannot be decrypted.',
        details,
      });
    default:
      return new BootstrapError('BOOTSTRAP_SECRET_UNAVAILABLE', said, { hint: 'Try again.', details });
  }
}

function secretStringOf(text: string): string {
  try {
    return (JSON.parse(text) as { SecretString?: string }).SecretString ?? '';
  } catch {
    return '';
  }
}

function parseSecret(text: string, variable: string, details: Record<string, unknown>): MasterSecret {
  try {
    const { username, password } = JSON.parse(text) as Partial<MasterSecret>;
    if (typeof username === 'string' && typeof password === 'string') return { username, password };
  } catch {
    // The parser's message would quote the secret.
  }
  throw new BootstrapError('BOOTSTRAP_SECRET_INVALID', 'the secret is not {"username": …, "password": …}', {
    hint: `${variable} must name the master secret of the cluster.`,
    details,
  });
}
