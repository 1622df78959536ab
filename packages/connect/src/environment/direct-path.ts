import { connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { LocalCloud } from '@postern/local-cloud';
import type { Cluster } from './environment.ts';

/**
 * The short way to the embedded server: its own Unix socket, which trusts whoever may open it. Roles, grants and the
 * logins of a suite are the same; tunnel, TLS and tokens are left out, and so are the AWS calls that lead to them.
 */
export interface DirectPath {
  readonly cluster: Cluster;
  openStream(): Promise<Duplex>;
  statistics(): Record<string, unknown>;
}

export function directPath(cloud: LocalCloud): DirectPath {
  const { identifier, endpoint: host, port, resourceId, caPem } = cloud.cluster;
  const { superuserConfig } = cloud.postgres;
  const server = superuserConfig();
  const socket = join(server.host, `.s.PGSQL.${server.port}`);
  let streams = 0;
  return {
    cluster: {
      identifier,
      endpoint: { host, port },
      region: cloud.region,
      accountId: cloud.accountId,
      resourceId,
      ca: [caPem],
      socket,
    },
    openStream: async () => {
      streams += 1;
      return connect(socket);
    },
    statistics: () => ({ transport: 'local', streams }),
  };
}
