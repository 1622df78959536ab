import type { IamDirectory } from '../iam/index.ts';
import { AccessDenied } from '../iam/index.ts';
import type { TokenRequest, TokenVerdict, TokenVerifier } from '../rds-front/token-verifier.ts';
import type { QueryForm } from '../sigv4/canonical-request.ts';
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
  const [, signedHost = '', url = '', query = ''] = match ?? [];
  // Nothing of a password may end in a reason, whatever characters it has.
  if (!/(^|&)Action=/.test(query)) return refuse('not a token: a password, or cut off');
  if (signedHost !== `${host}:${port}`) {
    return refuse(`signed for ${printable(signedHost)}, but this is ${host}:${port}`);
  }
  const refusals = (['form', 'uri'] as const).map((form) => claimProblem(query, form, user));
  if (refusals[0] !== undefined && refusals[1] !== undefined) return refuse(refusals[0]);
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
  // A raw `+` is a space to one signer and itself to another: what the signer meant counts.
  const refusal = claimProblem(query, signed.queryForm, user);
  if (refusal !== undefined) return refuse(refusal);

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

/** Each claim has to be there once, and to be right. */
function claimProblem(query: string, form: QueryForm, user: string): string | undefined {
  const pairs = parseQuery(query, form) ?? [];
  const isJust = (key: string, expected: string): boolean => {
    const found = pairs.filter(([name]) => name === key);
    return found.length === 1 && found[0]?.[1] === expected;
  };
  if (!isJust('Action', 'connect')) return 'Action is not connect';
  if (!isJust('DBUser', user)) {
    return `signed for another user than ${printable(user)} (DBUser is case-sensitive)`;
  }
  return undefined;
}

/** What a client sent may end in an event: short, and nothing but plain characters. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}

function refuse(reason: string): TokenVerdict {
  return { ok: false, reason };
}
