import { resolve } from 'node:path';
import { loadCaBundle } from '@postern/rds-auth';
import type { AwsSettings } from '../config/settings.ts';
import { ConnectError } from '../errors.ts';
import { type AwsAccess, clientOptions } from './aws-access.ts';
import { awsFailure } from './aws-failure.ts';
import type { CallOptions, Cluster } from './environment.ts';

/**
 * Endpoint, port and resource id of the cluster: from RDS, or from the settings when they name the endpoint.
 * Throws `CONNECT_CLUSTER_NOT_FOUND`, `CONNECT_ACCESS_DENIED`, `CONNECT_CREDENTIALS_UNAVAILABLE`,
 * `CONNECT_API_FAILED`, and what `loadCaBundle` throws.
 */
export async function describeCluster(
  settings: AwsSettings,
  access: AwsAccess,
  root: string,
  options: CallOptions = {},
): Promise<Cluster> {
  const ca = access.ca ?? trustedRoots(settings, root);
  const { endpoint, region, cluster: identifier, resourceId } = settings;
  if (endpoint !== undefined || identifier === undefined) {
    if (endpoint === undefined) throw notFound('(none)', region);
    return { endpoint, region, ca, ...(resourceId === undefined ? {} : { resourceId }) };
  }
  const { RDSClient, DescribeDBClustersCommand } = await import('@aws-sdk/client-rds');
  const client = new RDSClient(clientOptions(access));
  try {
    const { DBClusters } = await client.send(
      new DescribeDBClustersCommand({ DBClusterIdentifier: identifier }),
      options.signal === undefined ? {} : { abortSignal: options.signal },
    );
    const found = DBClusters?.[0];
    if (found?.Endpoint === undefined || found.Port === undefined) throw notFound(identifier, region);
    const accountId = found.DBClusterArn?.split(':')[4];
    return {
      identifier,
      endpoint: { host: found.Endpoint, port: found.Port },
      region,
      ca,
      ...(accountId === undefined ? {} : { accountId }),
      ...(found.DbClusterResourceId === undefined ? {} : { resourceId: found.DbClusterResourceId }),
    };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof ConnectError) throw error;
    if (error instanceof Error && error.name === 'DBClusterNotFoundFault') {
      throw notFound(identifier, region, error);
    }
    throw awsFailure(
      error,
      'rds:DescribeDBClusters',
      'put endpoint: { host, port } into the configuration instead of cluster',
    );
  } finally {
    client.destroy();
  }
}

function trustedRoots({ ca, region }: AwsSettings, root: string): readonly string[] {
  if (ca === undefined) return loadCaBundle({ region }).ca;
  if ('pem' in ca) return loadCaBundle({ region, pem: ca.pem }).ca;
  return loadCaBundle({ region, file: resolve(root, ca.file) }).ca;
}

function notFound(identifier: string, region: string, cause?: unknown): ConnectError {
  return new ConnectError({
    code: 'CONNECT_CLUSTER_NOT_FOUND',
    kind: 'not-found',
    message: `There is no cluster "${identifier}" in ${region} for this account.`,
    hint: 'Check identifier, region and account (aws rds describe-db-clusters lists them).',
    cause,
  });
}
