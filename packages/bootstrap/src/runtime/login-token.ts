import { BootstrapError } from '../errors.ts';
import type { Config } from './config.ts';
import type { Credentials } from './credentials.ts';
import { credentialsOf } from './secret.ts';
import { sha256, sign, signingTime } from './sigv4.ts';

interface LoginTokenRequest {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly region: string;
  readonly credentials: Credentials;
  readonly now: Date;
}

/** The token for a login on the configured cluster, in the region of its secret. */
export async function readLoginToken(
  { host, port, secret }: Pick<Config, 'host' | 'port' | 'secret'>,
  user: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const region =
    'arn' in secret
      ? secret.arn.split(':')[3]
      : environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'];
  if (!region) {
    throw new BootstrapError('BOOTSTRAP_CONFIG_INVALID', 'AWS_REGION is not set', {
      hint: `Migrations log in as "${user}" by IAM, which needs the region of the cluster; or set POSTERN_MIGRATE_AS=master.`,
      details: { problems: ['AWS_REGION is not set'] },
    });
  }
  const credentials = await credentialsOf(environment);
  return signLoginToken({ host, port, user, region, credentials, now: new Date() });
}

/** What RDS accepts; there is no reason for less, the token is used at once and for one login. */
const lifetimeS = 900;

/**
 * A password for a login by IAM: a presigned request, without its scheme, that nobody ever sends. Host and port must be the
 * cluster's own.
 *
 * Source: "IAM database authentication" of the RDS User Guide, "Query string authentication" of the IAM User Guide.
 */
function signLoginToken(request: LoginTokenRequest): string {
  const { host, port, user, region, credentials, now } = request;
  const time = signingTime(now);
  const scope = `${time.slice(0, 8)}/${region}/rds-db/aws4_request`;
  // In the order of their names, as they are signed.
  const parameters: readonly (readonly [string, string])[] = [
    ['Action', 'connect'],
    ['DBUser', user],
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scope}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(lifetimeS)],
    ...(credentials.sessionToken === undefined
      ? []
      : [['X-Amz-Security-Token', credentials.sessionToken] as const]),
    ['X-Amz-SignedHeaders', 'host'],
  ];
  const query = parameters.map(([name, value]) => `${name}=${encode(value)}`).join('&');
  const canonical = ['GET', '/', query, `host:${host}:${port}\n`, 'host', sha256('')].join('\n');
  const signature = sign(canonical, { time, scope, secretAccessKey: credentials.secretAccessKey });
  return `${host}:${port}/?${query}&X-Amz-Signature=${signature}`;
}

/** RFC 3986, which leaves fewer characters alone than encodeURIComponent. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
