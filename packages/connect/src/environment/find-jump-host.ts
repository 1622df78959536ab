import type { InstanceInformation } from '@aws-sdk/client-ssm';
import type { JumpHost } from '../config/settings.ts';
import { ConnectError } from '../errors.ts';
import { type AwsAccess, clientOptions } from './aws-access.ts';
import { awsFailure } from './aws-failure.ts';
import type { CallOptions } from './environment.ts';

/**
 * Session Manager targets to try, the best first: the given id, or every managed instance with the tags whose agent
 * answers, most recently seen first. An Auto Scaling group may have several, and one may be on its way out.
 * Throws `CONNECT_JUMP_HOST_NOT_FOUND`, `CONNECT_JUMP_HOST_OFFLINE` and what AWS calls throw.
 */
export async function findJumpHosts(
  jumpHost: JumpHost,
  access: AwsAccess,
  options: CallOptions = {},
): Promise<string[]> {
  if (typeof jumpHost === 'string') return [jumpHost];
  const instances = await describe(jumpHost.tag, access, options);
  const described = Object.entries(jumpHost.tag)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
  if (instances.length === 0) throw notFound(described, access.region);
  const online = instances.filter(({ PingStatus }) => PingStatus === 'Online');
  if (online.length === 0) throw offline(described, instances);
  return online
    .sort((a, b) => seen(b) - seen(a))
    .flatMap(({ InstanceId }) => (InstanceId === undefined ? [] : [InstanceId]));
}

async function describe(
  tags: Record<string, string>,
  access: AwsAccess,
  options: CallOptions,
): Promise<InstanceInformation[]> {
  const { SSMClient, DescribeInstanceInformationCommand } = await import('@aws-sdk/client-ssm');
  const client = new SSMClient(clientOptions(access));
  const Filters = Object.entries(tags).map(([name, value]) => ({ Key: `tag:${name}`, Values: [value] }));
  const found: InstanceInformation[] = [];
  try {
    let NextToken: string | undefined;
    do {
      const page = await client.send(
        new DescribeInstanceInformationCommand({
          Filters,
          MaxResults: 50,
          ...(NextToken ? { NextToken } : {}),
        }),
        options.signal === undefined ? {} : { abortSignal: options.signal },
      );
      found.push(...(page.InstanceInformationList ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined && NextToken !== '');
    return found;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw awsFailure(error, 'ssm:DescribeInstanceInformation', 'name the jump host by its instance id');
  } finally {
    client.destroy();
  }
}

const seen = ({ LastPingDateTime }: InstanceInformation): number => LastPingDateTime?.getTime() ?? 0;

function notFound(tags: string, region: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_JUMP_HOST_NOT_FOUND',
    kind: 'not-found',
    message: `No instance that Session Manager knows in ${region} has the tag ${tags}.`,
    hint: 'Check the tag and the region; a new instance appears a few minutes after its agent has started.',
  });
}

function offline(tags: string, instances: InstanceInformation[]): ConnectError {
  const states = instances.map(({ InstanceId, PingStatus }) => `${InstanceId} is ${PingStatus}`).join(', ');
  return new ConnectError({
    code: 'CONNECT_JUMP_HOST_OFFLINE',
    kind: 'unavailable',
    message: `No jump host with the tag ${tags} is online: ${states}.`,
    hint: 'Start the instance, or check its instance profile and its way to the ssmmessages endpoint.',
  });
}
