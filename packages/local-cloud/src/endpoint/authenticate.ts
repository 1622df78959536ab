import type { AccessKey } from '../iam/index.ts';
import type { RawRequest } from '../sigv4/canonical-request.ts';
import type { SigV4Success } from '../sigv4/verify.ts';
import { verifySigV4 } from '../sigv4/verify.ts';
import { AuthenticationError } from './answer.ts';

export interface Authenticator {
  readonly region: string;
  readonly clock: () => number;
  readonly findKey: (accessKeyId: string) => AccessKey | undefined;
}

/** Verifies who signed a request for `service`; throws `AuthenticationError`. */
export function authenticate(
  request: RawRequest,
  { region, clock, findKey }: Authenticator,
  service: { signingName: string; maxSkewMs?: number },
): SigV4Success<AccessKey> {
  const result = verifySigV4(request, {
    findKey,
    region,
    nowMs: clock(),
    service: service.signingName,
    ...(service.maxSkewMs === undefined ? {} : { maxSkewMs: service.maxSkewMs }),
  });
  if (!result.ok) throw new AuthenticationError(result.reason, result.message);
  return result;
}
