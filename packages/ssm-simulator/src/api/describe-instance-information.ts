import type { SsmCaller } from '../caller.ts';
import { SsmApiError } from '../errors.ts';
import type { RegisteredInstance } from '../instances.ts';
import { targetKind } from '../target.ts';
import { Constraints } from './constraints.ts';
import { page } from './page.ts';
import type { ServiceContext } from './service-context.ts';

interface Filter {
  key: string;
  values: readonly string[];
}

const legacyKeys = [
  'InstanceIds',
  'AgentVersion',
  'PingStatus',
  'PlatformTypes',
  'ActivationIds',
  'IamRole',
  'ResourceType',
  'AssociationStatus',
];
const pingStatuses = ['Online', 'ConnectionLost', 'Inactive'];

/** In order of registration. Containers have agents but are no managed instances, so they are not listed. */
export function describeInstanceInformation(
  context: ServiceContext,
  input: unknown,
  caller: SsmCaller,
): unknown {
  const read = new Constraints(input);
  const maxResults = read.integer('MaxResults', { min: 5, max: 50 }) ?? 50;
  const nextToken = read.text('NextToken', {});
  const filters: readonly Filter[] = [
    ...read.filters('Filters', { max: 50 }, (filter) => ({
      key: filter.text('Key', { required: true, min: 1 }) ?? '',
      values: filter.list('Values', { max: 100 }),
    })),
    ...read.filters('InstanceInformationFilterList', { max: 50 }, (filter) => ({
      key: filter.text('key', { required: true, oneOf: legacyKeys }) ?? '',
      values: filter.list('valueSet', { max: 100 }),
    })),
  ];
  read.check();
  if (read.has('Filters') && read.has('InstanceInformationFilterList'))
    throw new SsmApiError(
      'ValidationException',
      'Filters and InstanceInformationFilterList can not be used together.',
    );
  context.access.account(caller, 'ssm:DescribeInstanceInformation');

  for (const filter of filters) checkFilter(filter);
  const chosen = context.instances
    .all()
    .filter(({ instanceId }) => targetKind(instanceId) !== 'ecs')
    .filter((instance) => filters.every((filter) => matches(instance, filter)));
  const { items, nextToken: following } = page('DescribeInstanceInformation', chosen, {
    maxResults,
    nextToken,
  });
  return {
    InstanceInformationList: items.map(describe),
    ...(following === undefined ? {} : { NextToken: following }),
  };
}

function checkFilter({ key, values }: Filter): void {
  if (!legacyKeys.includes(key) && key !== 'tag-key' && !key.startsWith('tag:'))
    throw new SsmApiError('InvalidFilterKey', `The specified filter key ${key} is not valid.`);
  if (key === 'InstanceIds' && values.some((id) => !/^(i-[0-9a-f]{8,17}|mi-[0-9a-f]{17})$/.test(id)))
    throw new SsmApiError('InvalidInstanceId', 'The specified instance id is not valid.');
  if (key === 'PingStatus' && values.some((status) => !pingStatuses.includes(status)))
    throw new SsmApiError(
      'InvalidInstanceInformationFilterValue',
      `The filter value for ${key} is not valid; valid values: ${pingStatuses.join(', ')}.`,
    );
}

function matches(instance: RegisteredInstance, { key, values }: Filter): boolean {
  if (key === 'tag-key') return values.some((name) => Object.hasOwn(instance.tags, name));
  if (key.startsWith('tag:')) {
    const tag = instance.tags[key.slice('tag:'.length)];
    return tag !== undefined && values.includes(tag);
  }
  const actual: Readonly<Record<string, string>> = {
    InstanceIds: instance.instanceId,
    AgentVersion: instance.agentVersion,
    PingStatus: instance.pingStatus,
    PlatformTypes: 'Linux',
    ResourceType: resourceType(instance),
  };
  return values.includes(actual[key] ?? '');
}

function describe(instance: RegisteredInstance): unknown {
  return {
    InstanceId: instance.instanceId,
    PingStatus: instance.pingStatus,
    LastPingDateTime: Math.floor(Date.now() / 1000),
    AgentVersion: instance.agentVersion,
    IsLatestVersion: true,
    PlatformType: 'Linux',
    PlatformName: 'Amazon Linux',
    PlatformVersion: '2023',
    ResourceType: resourceType(instance),
    IPAddress: instance.address,
    ComputerName: `ip-${instance.address.replaceAll('.', '-')}.internal`,
  };
}

function resourceType(instance: RegisteredInstance): string {
  return targetKind(instance.instanceId) === 'managed' ? 'ManagedInstance' : 'EC2Instance';
}
