import type { AwsCredentialProvider } from '@postern/rds-auth';
import type { AwsSettings } from '../config/settings.ts';

/** How AWS is reached and as whom. The offline cloud differs from AWS in these values and in nothing else. */
export interface AwsAccess {
  readonly region: string;
  /** One URL for all services, instead of those of the region. */
  readonly endpoint?: string;
  /** Memoises: every client and token source shares it. */
  readonly credentials: AwsCredentialProvider;
  /** Who may invoke the bootstrap function, when that is somebody else. */
  readonly deployCredentials?: AwsCredentialProvider;
  /** PEM certificates, when they are not those of RDS. */
  readonly ca?: readonly string[];
}

/** The SDK's default chain, or the profile of the settings. Nothing is read before credentials are needed. */
export function awsAccess(settings: AwsSettings): AwsAccess {
  let chain: Promise<AwsCredentialProvider> | undefined;
  const credentials: AwsCredentialProvider = async (options) => {
    chain ??= import('@aws-sdk/credential-providers').then(
      ({ fromNodeProviderChain }) =>
        fromNodeProviderChain({
          clientConfig: { region: settings.region },
          ...(settings.profile === undefined ? {} : { profile: settings.profile }),
        }) as AwsCredentialProvider,
    );
    return await (await chain)(options);
  };
  return { region: settings.region, credentials };
}

/** What every client gets. Bounded, because the SDK by itself waits for ever. */
export function clientOptions(
  access: AwsAccess,
  credentials: AwsCredentialProvider = access.credentials,
): {
  region: string;
  credentials: AwsCredentialProvider;
  endpoint?: string;
  requestHandler: { connectionTimeout: number; requestTimeout: number; throwOnRequestTimeout: boolean };
} {
  return {
    region: access.region,
    credentials,
    ...(access.endpoint === undefined ? {} : { endpoint: access.endpoint }),
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
  };
}
