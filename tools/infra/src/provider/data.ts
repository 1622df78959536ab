import type { SchemaType } from '../schema/schema.ts';
import type { Value } from './values.ts';

/**
 * What a read gives without an account: enough for a plan that nothing mocks. Names and numbers are the ones of the
 * documentation.
 */
const ANSWERS: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
  aws_availability_zones: {
    names: ['eu-west-2a', 'eu-west-2b', 'eu-west-2c'],
    zone_ids: ['euw2-az2', 'euw2-az3', 'euw2-az1'],
  },
  aws_caller_identity: {
    account_id: '123456789012',
    arn: 'arn:aws:iam::123456789012:user/nobody',
    user_id: 'AIDAEXAMPLE',
  },
  aws_partition: { partition: 'aws', dns_suffix: 'amazonaws.com', reverse_dns_prefix: 'com.amazonaws' },
  aws_region: { region: 'eu-west-2', name: 'eu-west-2', id: 'eu-west-2', description: 'Europe (London)' },
  aws_rds_cluster: {
    cluster_resource_id: 'cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    iam_database_authentication_enabled: true,
  },
  aws_vpc: { cidr_block: '10.40.0.0/16', enable_dns_hostnames: true, enable_dns_support: true },
};

export function answerOf(type: string, [attribute = '', ...rest]: readonly string[], of: SchemaType): Value {
  const known = rest.length === 0 ? ANSWERS[type]?.[attribute] : undefined;
  return known ?? emptyOf(of, attribute);
}

function emptyOf(type: SchemaType, attribute: string): Value {
  if (type === 'string') return `stand-in-${attribute.replaceAll('_', '-')}`;
  if (type === 'number') return 0;
  if (type === 'bool') return false;
  // Of no type that we could know.
  if (type === 'dynamic') return null;
  if (type[0] === 'map') return {};
  if (type[0] === 'object')
    return Object.fromEntries(Object.entries(type[1]).map(([name, inner]) => [name, emptyOf(inner, name)]));
  return [];
}
