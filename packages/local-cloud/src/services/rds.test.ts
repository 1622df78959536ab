import {
  DescribeDBClustersCommand,
  type DescribeDBClustersCommandInput,
  paginateDescribeDBClusters,
  RDSClient,
} from '@aws-sdk/client-rds';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestEndpoint } from '../../test/fixtures/test-endpoint.ts';
import { cluster, startTestEndpoint } from '../../test/fixtures/test-endpoint.ts';

let aws: TestEndpoint;
let rds: RDSClient;
beforeAll(async () => {
  aws = await startTestEndpoint();
  rds = new RDSClient(aws.client());
  for (let n = 0; n < 44; n++) aws.clusters.push(cluster(`other-${n}`));
});
afterAll(() => aws[Symbol.asyncDispose]());
const describe = (input: DescribeDBClustersCommandInput) => rds.send(new DescribeDBClustersCommand(input));

test('a cluster tells all that a connection needs', async () => {
  const { DBClusters } = await describe({ DBClusterIdentifier: 'postern-local' });
  expect(DBClusters).toHaveLength(1);
  expect(DBClusters?.[0]).toMatchObject({
    DBClusterIdentifier: 'postern-local',
    Status: 'available',
    Endpoint: 'postern-local.cluster-x.eu-west-2.rds.amazonaws.com',
    ReaderEndpoint: 'postern-local.cluster-ro-x.eu-west-2.rds.amazonaws.com',
    Port: 5432,
    Engine: 'aurora-postgresql',
    EngineVersion: '17.10',
    EngineMode: 'provisioned',
    DatabaseName: 'postgres',
    MasterUsername: 'postern_master',
    MasterUserSecret: { SecretStatus: 'active', SecretArn: expect.stringContaining(':secret:rds!cluster-') },
    DbClusterResourceId: 'cluster-POSTERN-LOCAL',
    DBClusterArn: 'arn:aws:rds:eu-west-2:123456789012:cluster:postern-local',
    IAMDatabaseAuthenticationEnabled: true,
    ClusterCreateTime: new Date('2026-11-22T07:00:00Z'),
    DBClusterMembers: [{ DBInstanceIdentifier: 'postern-local-1', IsClusterWriter: true, PromotionTier: 1 }],
    TagList: [{ Key: 'postern:environment', Value: 'local' }],
  });
});

test.each([
  ['identifier in another case', { DBClusterIdentifier: 'Postern-Local' }],
  ['ARN', { DBClusterIdentifier: 'arn:aws:rds:eu-west-2:123456789012:cluster:postern-local' }],
  ['filter by identifier', { Filters: [{ Name: 'db-cluster-id', Values: ['none', 'postern-local'] }] }],
  [
    'filter by resource id',
    { Filters: [{ Name: 'db-cluster-resource-id', Values: ['cluster-POSTERN-LOCAL'] }] },
  ],
  [
    'two filters',
    {
      Filters: [
        { Name: 'engine', Values: ['aurora-postgresql'] },
        { Name: 'db-cluster-id', Values: ['postern-local'] },
      ],
    },
  ],
])('found by %s', async (_name, input) => {
  const { DBClusters } = await describe(input);
  expect(DBClusters?.map(({ DBClusterIdentifier }) => DBClusterIdentifier)).toEqual(['postern-local']);
});

test('a filter that matches nothing is an empty list, not an error', async () => {
  expect(await describe({ Filters: [{ Name: 'engine', Values: ['mysql'] }] })).toMatchObject({
    DBClusters: [],
  });
});

test('pages hold every cluster once', async () => {
  const seen: string[] = [];
  for await (const page of paginateDescribeDBClusters({ client: rds, pageSize: 20 }, {})) {
    seen.push(...(page.DBClusters ?? []).map(({ DBClusterIdentifier = '' }) => DBClusterIdentifier));
  }
  expect(seen).toHaveLength(45);
  expect(new Set(seen).size).toBe(45);
});

test.each([
  [
    'no such cluster',
    { DBClusterIdentifier: 'none' },
    'DBClusterNotFoundFault',
    404,
    'DBCluster none not found.',
  ],
  ['too small pages', { MaxRecords: 19 }, 'InvalidParameterValue', 400, /Must be between 20 and 100/],
  ['invented marker', { Marker: 'x' }, 'InvalidParameterValue', 400, /Marker/],
  [
    'unknown filter',
    { Filters: [{ Name: 'colour', Values: ['red'] }] },
    'InvalidParameterValue',
    400,
    /Unrecognized filter name: colour/,
  ],
  [
    'filter without values',
    { Filters: [{ Name: 'engine', Values: [] }] },
    'InvalidParameterCombination',
    400,
    /at least one value/,
  ],
] as const)('refused: %s', async (_name, input, name, httpStatusCode, message) => {
  await expect(describe(input as object)).rejects.toMatchObject({
    name,
    message: expect.stringMatching(message),
    $metadata: { httpStatusCode, attempts: 1, requestId: expect.any(String) },
  });
});
