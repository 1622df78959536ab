import { type Check, expectEqual } from '../check.ts';

const area = 'RDS';
const describe = (identifier: string): string[] => [
  'rds',
  'describe-db-clusters',
  '--db-cluster-identifier',
  identifier,
];

interface Clusters {
  DBClusters: Array<{
    DBClusterIdentifier: string;
    DbClusterResourceId: string;
    Endpoint: string;
    Port: number;
    IAMDatabaseAuthenticationEnabled: boolean;
    MasterUsername: string;
    MasterUserSecret: { SecretArn: string };
  }>;
}

export const rdsChecks: readonly Check[] = [
  {
    area,
    name: 'DescribeDBClusters describes the cluster',
    async run({ aws, admin, cloud }) {
      const { DBClusters } = await aws.answer<Clusters>(admin, describe(cloud.cluster.identifier));
      const [found] = DBClusters;
      expectEqual(DBClusters.length, 1, 'the number of clusters');
      expectEqual(found?.DBClusterIdentifier, cloud.cluster.identifier, 'DBClusterIdentifier');
      expectEqual(found?.DbClusterResourceId, cloud.cluster.resourceId, 'DbClusterResourceId');
      expectEqual(found?.Endpoint, cloud.cluster.endpoint, 'Endpoint');
      expectEqual(found?.Port, cloud.cluster.port, 'Port');
      expectEqual(found?.IAMDatabaseAuthenticationEnabled, true, 'IAMDatabaseAuthenticationEnabled');
      expectEqual(found?.MasterUsername, cloud.cluster.masterUsername, 'MasterUsername');
      expectEqual(
        found?.MasterUserSecret.SecretArn,
        cloud.cluster.masterSecretArn,
        'MasterUserSecret.SecretArn',
      );
    },
  },
  {
    area,
    name: 'a cluster that does not exist is not found',
    run: async ({ aws, admin }) =>
      void (await aws.refusal(admin, describe('nobody'), 'DBClusterNotFoundFault')),
  },
  {
    area,
    name: 'DescribeDBClusters without permission is denied',
    run: async ({ aws, nobody, cloud }) =>
      void (await aws.refusal(nobody, describe(cloud.cluster.identifier), 'AccessDenied')),
  },
  {
    area,
    name: 'expired credentials are refused',
    run: async ({ aws, expired, cloud }) =>
      void (await aws.refusal(expired, describe(cloud.cluster.identifier), 'ExpiredToken')),
  },
];
