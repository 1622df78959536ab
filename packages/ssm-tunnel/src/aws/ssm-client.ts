import { SSMClient, type SSMClientConfig } from '@aws-sdk/client-ssm';
import type { ResolvedOptions } from '../options.ts';
import { optionsInvalid } from '../resolve-options.ts';
import { abortable } from './abortable.ts';
import { createProxyAgents } from './proxy-agents.ts';

/** How the SSM API is reached. */
export type ConnectionSettings = Pick<
  ResolvedOptions,
  'region' | 'endpoint' | 'useFipsEndpoint' | 'proxy' | 'credentials' | 'connectTimeoutMs'
>;

/** The AWS SDK's client, set up for a tunnel. */
export interface SsmConnection {
  readonly client: SSMClient;
  readonly region: string;
  /**
   * Asks the provider of the credentials anew. The SDK keeps a set without an expiry for ever, and any other until
   * shortly before its expiry, although both may have been replaced: by a login, a rotation, a changed file.
   *
   * A provider that fails now leaves the set there is: AWS knows best whether that is still good.
   */
  refreshCredentials(signal: AbortSignal): Promise<void>;
  destroy(): void;
}

/**
 * Throws `SSM_OPTIONS_INVALID` when no region can be found, or for a FIPS endpoint beside an endpoint.
 *
 * Where the API is: `endpoint`, else what the SDK finds (`AWS_ENDPOINT_URL_SSM`, `AWS_ENDPOINT_URL`, shared
 * configuration), else `ssm.<region>.<suffix>`, or `ssm-fips.<region>.<suffix>` with `useFipsEndpoint` or
 * `AWS_USE_FIPS_ENDPOINT`. Where the stream is, the API decides. The FIPS one is `ssmmessages-fips.<region>.<suffix>`
 * (amazon-ssm-agent issue 426); whether StartSession at a FIPS endpoint names it is not documented, so whoever must
 * be sure sets `streamEndpoint`.
 */
export async function connectSsm(settings: ConnectionSettings): Promise<SsmConnection> {
  const { endpoint, useFipsEndpoint, connectTimeoutMs } = settings;
  const agents = createProxyAgents(settings.proxy, connectTimeoutMs, true);
  const config: SSMClientConfig & { ignoreCache: boolean } = {
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: connectTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: agents.http,
      httpsAgent: agents.https,
    },
    // Goes to the SDK's provider chain, which otherwise reads the shared files once in the life of the process.
    ignoreCache: true,
  };
  if (settings.region !== undefined) config.region = settings.region;
  if (settings.credentials !== undefined) config.credentials = settings.credentials;
  if (useFipsEndpoint !== undefined) config.useFipsEndpoint = useFipsEndpoint;
  if (endpoint !== undefined) {
    if (useFipsEndpoint === true)
      throw optionsInvalid([
        'useFipsEndpoint: has no meaning beside an endpoint, which says itself where to go',
      ]);
    // The SDK refuses an endpoint when AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT is set for everything else.
    config.endpoint = endpoint;
    config.useFipsEndpoint = false;
    config.useDualstackEndpoint = false;
  }
  const client = new SSMClient(config);
  const destroy = (): void => {
    client.destroy();
    agents.destroy();
  };
  let region: string;
  try {
    region = await client.config.region();
  } catch {
    destroy();
    throw optionsInvalid(['region: is missing here, in AWS_REGION and in the shared configuration']);
  }
  return {
    client,
    region,
    async refreshCredentials(signal) {
      const refreshed = client.config.credentials({ forceRefresh: true }).then(
        () => {},
        () => {},
      );
      await abortable(refreshed, signal);
    },
    destroy,
  };
}
