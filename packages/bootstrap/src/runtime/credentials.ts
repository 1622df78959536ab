import { readFile } from 'node:fs/promises';
import { BootstrapError } from '../errors.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The endpoint is beside the process: what takes longer is not there. */
const timeoutMs = 2_000;

/**
 * Credentials where they are not in the environment, as they always are in Lambda: of the container (ECS, EKS Pod Identity), then of
 * the EC2 instance. Read for each secret, so nothing expires.
 *
 * Source: "Container credential provider" and "IMDS credential provider" of the AWS SDKs and Tools Reference Guide.
 *
 * @throws BootstrapError `BOOTSTRAP_CREDENTIALS_UNAVAILABLE`
 */
export async function readCredentials(environment: Environment): Promise<Credentials> {
  const tried: string[] = [];
  const container = containerEndpoint(environment);
  if (container !== undefined) {
    try {
      return await ofContainer(container, environment);
    } catch (error) {
      // Whoever is given an endpoint of its own must not fall back to the identity of the machine.
      throw unavailable([`${container.host}: ${reasonOf(error)}`]);
    }
  }
  for (const variable of otherIdentities) {
    if (environment[variable]) throw unread(variable);
  }
  if (environment['AWS_EC2_METADATA_DISABLED']?.toLowerCase() !== 'true') {
    try {
      return await ofInstance(environment);
    } catch (error) {
      const hops =
        (error as Error).name === 'TimeoutError'
          ? ' (in a container the instance needs http-put-response-hop-limit 2)'
          : '';
      tried.push(`EC2 instance metadata: ${reasonOf(error)}${hops}`);
    }
  }
  throw unavailable(['environment: no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY', ...tried]);
}

/** Who is given one of these is meant to be somebody else than the machine. */
const otherIdentities = ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_PROFILE'];

/** Addresses that belong to the machine itself; anything else has to be https. */
const ownHosts = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]|169\.254\.170\.(?:2|23)|\[fd00:ec2::23\])$/;

function containerEndpoint(environment: Environment): URL | undefined {
  const relative = environment['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'];
  const full = environment['AWS_CONTAINER_CREDENTIALS_FULL_URI'];
  const text = relative ? `http://169.254.170.2${relative}` : full;
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && ownHosts.test(url.hostname))) return url;
  throw unavailable([
    'AWS_CONTAINER_CREDENTIALS_FULL_URI: expected https, or an address of the container itself',
  ]);
}

async function ofContainer(url: URL, environment: Environment): Promise<Credentials> {
  const file = environment['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];
  const token = file
    ? (await readFile(file, 'utf8')).trim()
    : environment['AWS_CONTAINER_AUTHORIZATION_TOKEN'];
  return credentialsOf(await ask(url, token ? { authorization: token } : {}));
}

async function ofInstance(environment: Environment): Promise<Credentials> {
  const base = environment['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || 'http://169.254.169.254';
  const url = (path: string): URL => new URL(`/latest/${path}`, base);
  const token = await ask(url('api/token'), { 'x-aws-ec2-metadata-token-ttl-seconds': '300' }, 'PUT');
  const headers = { 'x-aws-ec2-metadata-token': token };
  const folder = 'meta-data/iam/security-credentials/';
  const [role = ''] = (await ask(url(folder), headers)).trim().split('\n');
  if (role === '') throw new Error('the instance has no role');
  return credentialsOf(await ask(url(`${folder}${encodeURIComponent(role)}`), headers));
}

async function ask(url: URL, headers: Record<string, string>, method = 'GET'): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(url, {
      method,
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (answer.ok) return await answer.text();
    await answer.body?.cancel();
    if (attempt === 3 || answer.status < 500) throw new Error(`status ${answer.status}`);
  }
}

function credentialsOf(text: string): Credentials {
  const { AccessKeyId, SecretAccessKey, Token } = parse(text);
  if (typeof AccessKeyId !== 'string' || typeof SecretAccessKey !== 'string')
    throw new Error('no credentials in the answer');
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    ...(typeof Token === 'string' ? { sessionToken: Token } : {}),
  };
}

function parse(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    // The parser's message would quote the credentials.
    return {};
  }
}

function reasonOf(error: unknown): string {
  const {
    name,
    message = '',
    code,
    cause,
  } = error as { name?: string; message?: string; code?: unknown; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  // A DOMException has a number as its code, which tells nobody anything.
  return [code, cause?.code].find((found) => typeof found === 'string') ?? message;
}

function unread(variable: string): BootstrapError {
  return new BootstrapError(
    'BOOTSTRAP_CREDENTIALS_UNAVAILABLE',
    `no AWS credentials: ${variable} is set, which is not read here`,
    {
      hint: `The identity of the machine is not used in its place. Export what it stands for (aws configure export-credentials --format env), or use EKS Pod Identity, or name a file with the secret itself in POSTERN_DB_SECRET_FILE; or unset ${variable}.`,
      details: { variable },
    },
  );
}

function unavailable(tried: readonly string[]): BootstrapError {
  return new BootstrapError('BOOTSTRAP_CREDENTIALS_UNAVAILABLE', `no AWS credentials: ${tried.join('; ')}`, {
    hint: 'Give the task or the instance a role, export credentials (aws configure export-credentials --format env), or name a file with the secret itself in POSTERN_DB_SECRET_FILE.',
    details: { tried },
  });
}
