import { type PgOptions, type PgSocketOptions, pgOptions, pgSocketOptions } from '@postern/rds-auth';
import type { HostClient } from './host-client.ts';

export interface PgConfigRequest {
  database: string;
  /** The login: `pt_<role>` for a test database. */
  user: string;
  applicationName?: string;
}

/**
 * Options for `new Pool()` or `new Client()` of pg: through the host's data socket, with TLS from here to the
 * database's endpoint name and a token from the host as password. On the direct path of the offline environment the data
 * socket is all: it leads to the server's own socket. The host's connection must stay open as long as new database
 * connections are made.
 */
export function pgConfig(host: HostClient, request: PgConfigRequest): PgOptions | PgSocketOptions {
  const { endpoint, ca, dataSocket, kind, path, directTls = false } = host.info;
  if (kind === 'local' && path === 'direct') return pgSocketOptions({ ...request, path: dataSocket });
  return pgOptions({
    ...request,
    endpoint,
    ca,
    directTls,
    address: { path: dataSocket },
    token: () => host.token(request.user),
  });
}
