/** Fixed names of the local cloud, so that configuration, tests and documentation can be written down. */
export const region = 'eu-west-2';
export const accountId = '123456789012';
export const clusterIdentifier = 'postern-local';
export const clusterResourceId = 'cluster-LOCALPOSTERN0123456789AB';
export const clusterEndpoint: string = `${clusterIdentifier}.cluster-c0postern0ab.${region}.rds.amazonaws.com`;
export const clusterReaderEndpoint: string = `${clusterIdentifier}.cluster-ro-c0postern0ab.${region}.rds.amazonaws.com`;
export const clusterArn: string = `arn:aws:rds:${region}:${accountId}:cluster:${clusterIdentifier}`;
export const databaseName = 'postgres';
export const jumpHostInstanceId = 'i-0a1b2c3d4e5f60718';
export const jumpHostTag = { key: 'postern:jump-host', value: 'local' } as const;
/** A session document of the account whose host and port are fixed: all that CI needs. */
export const databaseDocument = 'postern-database-local';
export const functions = { bootstrap: 'postern-bootstrap-local', testdb: 'postern-testdb-local' } as const;
