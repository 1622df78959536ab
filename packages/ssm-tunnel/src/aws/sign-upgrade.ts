import type { SSMClient } from '@aws-sdk/client-ssm';
import { SignatureV4 } from '@smithy/signature-v4';

/** What signing needs. */
export interface UpgradeSigner {
  readonly region: string;
  readonly credentials: () => ReturnType<SSMClient['config']['credentials']>;
  readonly sha256: SSMClient['config']['sha256'];
  /** How far this machine's clock is behind that of AWS, as the SDK learned from the answers to API calls. */
  readonly clockOffsetMs: number;
}

export interface SignedUpgrade {
  readonly headers: Readonly<Record<string, string>>;
  /** Why the upgrade goes out without a signature, if it does. */
  readonly unsigned?: 'presigned-url' | 'no-credentials';
}

/** Any of these in the query: another AWS service signed the URL already. */
const PRESIGNED: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-signedheaders',
  'x-amz-signature',
  'x-amz-security-token',
]);

/**
 * Headers for the upgrade request: a GET without a body, signed for `ssmmessages`, as official clients do
 * from 1.2.688.0 on (protocol section "Endpoints").
 *
 * The query is form-decoded before it is made canonical, so the raw `+` that the service puts into
 * `cell-number` is signed as a space, while the URL goes out as it is.
 */
export async function signUpgrade(url: URL, signer: UpgradeSigner): Promise<SignedUpgrade> {
  for (const name of url.searchParams.keys()) {
    if (PRESIGNED.has(name.toLowerCase())) return { headers: {}, unsigned: 'presigned-url' };
  }
  let credentials: Awaited<ReturnType<UpgradeSigner['credentials']>>;
  try {
    credentials = await signer.credentials();
  } catch {
    // An API call was signed a moment ago: this is a provider that failed now. The service says what it wants.
    return { headers: {}, unsigned: 'no-credentials' };
  }
  const query: Record<string, string[]> = Object.create(null);
  for (const [name, value] of url.searchParams) {
    query[name] ??= [];
    query[name].push(value);
  }
  const signature = new SignatureV4({
    service: 'ssmmessages',
    region: signer.region,
    credentials,
    sha256: signer.sha256,
    applyChecksum: false,
  });
  const signed = await signature.sign(
    {
      method: 'GET',
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query,
      headers: { host: url.host },
    },
    { signingDate: new Date(Date.now() + signer.clockOffsetMs) },
  );
  const { host: _, ...headers } = signed.headers;
  return { headers };
}
