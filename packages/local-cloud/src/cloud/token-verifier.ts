import type { IamDirectory } from '../iam/index.ts';
import { AccessDenied } from '../iam/index.ts';
import type { TokenRequest, TokenVerdict, TokenVerifier } from '../rds-front/token-verifier.ts';
import { parseQuery } from '../sigv4/canonical-request.ts';
import { verifySigV4 } from '../sigv4/verify.ts';

export interface RdsTokenVerifierOptions {
  readonly region: string;
  readonly clusterResourceId: string;
  readonly iam: IamDirectory;
  readonly clock: () => number;
}

/** Tokens live 15 minutes, whatever they say themselves. */
const maxExpiresS = 900;

/**
 * Checks an RDS authentication token: a presigned `connect` for `rds-db` without its `https://`. It has to name
 * this endpoint, port and user, to be signed by a known and unexpired credential, and to be allowed by
 * `rds-db:connect` on the cluster's resource id.
 */
export function createRdsTokenVerifier(options: RdsTokenVerifierOptions): TokenVerifier {
  return { verify: async (request) => verify(request, options) };
}

function verify(
  { token, host, port, user }: TokenRequest,
  { region, clusterResourceId, iam, clock }: RdsTokenVerifierOptions,
): TokenVerdict {
  const match = /^([^/?]+)(\/\?(.+))$/.exec(token);
  if (match === null) return refuse('not a token: a password, or cut off');
  const [, signedHost = '', url = '', query = ''] = match;
  if (signedHost !== `${host}:${port}`) {
    return refuse(`signed for ${printable(signedHost)}, but this is ${host}:${port}`);
  }
  const values = new Map<string, string[]>();
  for (const [key, value] of parseQuery(query, 'form') ?? []) {
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  if (!single(values, 'Action', 'connect')) return refuse('Action is not connect');
  if (!single(values, 'DBUser', user)) {
    return refuse(`signed for another user than ${printable(user)} (DBUser is case-sensitive)`);
  }
  const raw = { method: 'GET', url, headers: ['host', signedHost], body: Buffer.alloc(0) };
  const signed = verifySigV4(raw, {
    findKey: (id) => iam.findKey(id),
    nowMs: clock(),
    region,
    service: 'rds-db',
    maxExpiresS,
  });
  if (!signed.ok) return refuse(`${signed.reason}: ${signed.message}`);
  if (!signed.presigned) return refuse('not a presigned request');

  const { caller } = signed.key;
  const resource = `arn:aws:rds-db:${region}:${iam.accountId}:dbuser:${clusterResourceId}/${user}`;
  try {
    iam.authorize(caller, 'rds-db:connect', resource, { 'aws:RequestedRegion': region });
  } catch (error) {
    if (error instanceof AccessDenied) return refuse(error.message);
    throw error;
  }
  return { ok: true, principalArn: caller.arn };
}

function single(values: ReadonlyMap<string, readonly string[]>, key: string, expected: string): boolean {
  const found = values.get(key);
  return found?.length === 1 && found[0] === expected;
}

/** What a client sent may end in an event: short, and nothing but plain characters. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}

function refuse(reason: string): TokenVerdict {
  return { ok: false, reason };
}
