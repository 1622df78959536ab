import { ApiError } from '../endpoint/api-error.ts';
import type { ApiCall, QueryService } from '../endpoint/service.ts';
import type { XmlValue } from '../endpoint/xml.ts';
import { XmlList } from '../endpoint/xml.ts';

/** A cluster as DescribeDBClusters tells of it. */
export interface DbCluster {
  readonly identifier: string;
  readonly resourceId: string;
  readonly arn: string;
  readonly endpoint: string;
  readonly readerEndpoint: string;
  readonly port: number;
  readonly engineVersion: string;
  readonly databaseName: string;
  readonly masterUsername: string;
  readonly masterSecretArn: string;
  readonly iamAuthentication: boolean;
  readonly createdAtMs: number;
  readonly availabilityZones: readonly string[];
}

const namespace = 'http://rds.amazonaws.com/doc/2014-10-31/';

/** The filters that the API reference names for this operation, and what each looks at. */
const filters: Record<string, (cluster: DbCluster, value: string) => boolean> = {
  'db-cluster-id': (cluster, value) => value === cluster.identifier || value === cluster.arn,
  'db-cluster-resource-id': (cluster, value) => value === cluster.resourceId,
  engine: (_cluster, value) => value === 'aurora-postgresql',
  domain: () => false,
  'clone-group-id': () => false,
};

export function createRdsService(clusters: () => readonly DbCluster[]): QueryService {
  return {
    protocol: 'query',
    id: 'RDS',
    signingName: 'rds',
    version: '2014-10-31',
    namespace,
    operations: { DescribeDBClusters: (parameters, call) => describe(clusters(), parameters, call) },
  };
}

function describe(clusters: readonly DbCluster[], parameters: URLSearchParams, call: ApiCall): XmlValue {
  const asked = parameters.get('DBClusterIdentifier') ?? undefined;
  const accountPrefix = `arn:aws:rds:${clusters[0]?.arn.split(':')[3] ?? ''}:${call.caller.accountId}:cluster`;
  const resource = asked?.startsWith('arn:') ? asked : `${accountPrefix}:${asked?.toLowerCase() ?? '*'}`;
  call.authorize('rds:DescribeDBClusters', resource);

  const pageSize = readPageSize(parameters);
  const conditions = readFilters(parameters);
  // Identifiers are stored in lower case, and asked for in any.
  const found = clusters.filter(
    ({ identifier, arn }) => asked === undefined || asked.toLowerCase() === identifier || asked === arn,
  );
  if (asked !== undefined && found.length === 0) {
    throw new ApiError('DBClusterNotFoundFault', 404, `DBCluster ${asked} not found.`);
  }
  const matching = found.filter((cluster) =>
    conditions.every(({ name, values }) => values.some((value) => filters[name]?.(cluster, value))),
  );
  const start = readMarker(parameters.get('Marker'));
  const page = matching.slice(start, start + pageSize);
  const end = start + page.length;
  return {
    Marker: end < matching.length ? markerFor(end) : undefined,
    DBClusters: new XmlList('DBCluster', page.map(describeCluster)),
  };
}

function readPageSize(parameters: URLSearchParams): number {
  const text = parameters.get('MaxRecords') ?? '100';
  const value = Number(text);
  if (!Number.isInteger(value) || value < 20 || value > 100) {
    throw new ApiError(
      'InvalidParameterValue',
      400,
      `Invalid value ${text} for MaxRecords. Must be between 20 and 100`,
    );
  }
  return value;
}

function readFilters(parameters: URLSearchParams): Array<{ name: string; values: string[] }> {
  const result: Array<{ name: string; values: string[] }> = [];
  for (let n = 1; parameters.has(`Filters.Filter.${n}.Name`); n++) {
    const name = parameters.get(`Filters.Filter.${n}.Name`) as string;
    if (!Object.hasOwn(filters, name)) {
      throw new ApiError('InvalidParameterValue', 400, `Unrecognized filter name: ${name}`);
    }
    const values: string[] = [];
    for (let m = 1; parameters.has(`Filters.Filter.${n}.Values.Value.${m}`); m++) {
      values.push(parameters.get(`Filters.Filter.${n}.Values.Value.${m}`) as string);
    }
    if (values.length === 0) {
      throw new ApiError('InvalidParameterCombination', 400, `Filter ${name} must have at least one value.`);
    }
    result.push({ name, values });
  }
  return result;
}

function markerFor(start: number): string {
  return Buffer.from(`DescribeDBClusters ${start}`).toString('base64');
}

function readMarker(marker: string | null): number {
  if (marker === null) return 0;
  const start = Number(/^DescribeDBClusters (\d+)$/.exec(Buffer.from(marker, 'base64').toString())?.[1]);
  if (Number.isNaN(start)) throw new ApiError('InvalidParameterValue', 400, 'Invalid value for Marker');
  return start;
}

/** Mind the API's spelling: `DbClusterResourceId` beside `DBClusterArn`. */
function describeCluster(cluster: DbCluster): XmlValue {
  return {
    AllocatedStorage: 1,
    AvailabilityZones: new XmlList('AvailabilityZone', cluster.availabilityZones),
    BackupRetentionPeriod: 1,
    DatabaseName: cluster.databaseName,
    DBClusterIdentifier: cluster.identifier,
    DBClusterParameterGroup: `default.aurora-postgresql${cluster.engineVersion.split('.')[0]}`,
    DBSubnetGroup: 'postern-local',
    Status: 'available',
    Endpoint: cluster.endpoint,
    ReaderEndpoint: cluster.readerEndpoint,
    MultiAZ: false,
    Engine: 'aurora-postgresql',
    EngineVersion: cluster.engineVersion,
    Port: cluster.port,
    MasterUsername: cluster.masterUsername,
    PreferredBackupWindow: '02:00-02:30',
    PreferredMaintenanceWindow: 'sun:03:00-sun:03:30',
    ReadReplicaIdentifiers: new XmlList('ReadReplicaIdentifier', []),
    DBClusterMembers: new XmlList('DBClusterMember', [
      {
        DBInstanceIdentifier: `${cluster.identifier}-1`,
        IsClusterWriter: true,
        DBClusterParameterGroupStatus: 'in-sync',
        PromotionTier: 1,
      },
    ]),
    VpcSecurityGroups: new XmlList('VpcSecurityGroupMembership', [
      { VpcSecurityGroupId: 'sg-0c1d2e3f405162738', Status: 'active' },
    ]),
    StorageEncrypted: true,
    DbClusterResourceId: cluster.resourceId,
    DBClusterArn: cluster.arn,
    AssociatedRoles: new XmlList('DBClusterRole', []),
    IAMDatabaseAuthenticationEnabled: cluster.iamAuthentication,
    ClusterCreateTime: new Date(cluster.createdAtMs).toISOString(),
    EngineMode: 'provisioned',
    DeletionProtection: false,
    HttpEndpointEnabled: false,
    CopyTagsToSnapshot: false,
    CrossAccountClone: false,
    TagList: new XmlList('Tag', [{ Key: 'postern:environment', Value: 'local' }]),
    ServerlessV2ScalingConfiguration: { MinCapacity: 0.5, MaxCapacity: 4 },
    MasterUserSecret: { SecretArn: cluster.masterSecretArn, SecretStatus: 'active' },
  };
}
