import {
  type InstanceInformation,
  paginateDescribeInstanceInformation,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { TunnelError } from '../errors.ts';
import { abortable } from './abortable.ts';
import { explainApiError } from './explain-api-error.ts';

/** The most that the API takes. */
const PAGE_SIZE = 50;

/**
 * The managed nodes that have all the tags and are online, the one that reported last first: its agent is the most
 * likely to be there still. Throws `SSM_TARGET_NOT_FOUND`.
 *
 * Needs `ssm:DescribeInstanceInformation`, which IAM can only allow on `*`. ECS tasks are no managed nodes and are not
 * found this way. Online is not asked of the API but of its answer, so that the error can tell a node that is off from
 * one that does not exist.
 */
export async function findOnlineNodes(
  client: SSMClient,
  tags: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const subject = `nodes with ${describeTags(tags)}`;
  const nodes: InstanceInformation[] = [];
  try {
    const pages = paginateDescribeInstanceInformation(
      { client, pageSize: PAGE_SIZE, stopOnSameToken: true },
      { Filters: Object.entries(tags).map(([key, value]) => ({ Key: `tag:${key}`, Values: [value] })) },
      { abortSignal: signal },
    );
    for (;;) {
      const { done, value } = await abortable(pages.next(), signal);
      if (done === true) break;
      nodes.push(...(value.InstanceInformationList ?? []));
    }
  } catch (error) {
    signal.throwIfAborted();
    throw explainApiError('DescribeInstanceInformation', subject, error);
  }
  const online = nodes
    .filter(({ PingStatus }) => PingStatus === 'Online')
    .sort((a, b) => (b.LastPingDateTime?.getTime() ?? 0) - (a.LastPingDateTime?.getTime() ?? 0))
    .map(({ InstanceId }) => InstanceId)
    .filter((id) => id !== undefined);
  if (online.length === 0) throw notFound(tags, nodes);
  return online;
}

function notFound(
  tags: Readonly<Record<string, string>>,
  nodes: readonly InstanceInformation[],
): TunnelError {
  const shown = nodes.slice(0, 5).map(({ InstanceId, PingStatus }) => `${InstanceId}: ${PingStatus}`);
  const more = nodes.length > shown.length ? ` and ${nodes.length - shown.length} more` : '';
  const message =
    nodes.length === 0
      ? `No managed node has ${describeTags(tags)}.`
      : `No node with ${describeTags(tags)} is online (${shown.join(', ')}${more}).`;
  return new TunnelError('SSM_TARGET_NOT_FOUND', message, {
    hint: 'Check tags, account and region, and that the nodes run with their agents registered.',
  });
}

function describeTags(tags: Readonly<Record<string, string>>): string {
  const list = Object.entries(tags).map(([key, value]) => `${key}=${value}`);
  return `${list.length === 1 ? 'the tag' : 'all of the tags'} ${list.join(', ')}`;
}
