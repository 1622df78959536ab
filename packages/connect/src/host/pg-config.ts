import { type PgOptions, pgOptions } from '@postern/rds-auth';
import type { HostClient } from './host-client.ts';

export interface PgConfigRequest {
  database: string;
  /** The login: `pt_<role>` for a test database. */
  user: string;
  applicationName?: string;
}

/**
 * Options for `new Pool()` or `new Client()` of pg: through the host's data socket, with TLS from here to the
 * database's endpoint name and a token from the host as password. The host's connection must stay open as long as new
 * database connections are made.
 */
export function pgConfig(host: HostClient, request: PgConfigRequest): PgOptions {
  const { endpoint, ca, dataSocket } = host.info;
  return pgOptions({
    endpoint,
    ca,
    user: request.user,
    database: request.database,
    address: { path: dataSocket },
    token: () => host.token(request.user),
    ...(request.applicationName === undefined ? {} : { applicationName: request.applicationName }),
  });
}
