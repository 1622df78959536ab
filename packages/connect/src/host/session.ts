import {
  explainConnectionError,
  type PgOptions,
  type PgSocketOptions,
  pgOptions,
  pgSocketOptions,
} from '@postern/rds-auth';
import type { Client } from 'pg';
import type { Environment } from '../environment/environment.ts';

export interface SessionRequest {
  readonly user: string;
  readonly database: string;
  readonly applicationName?: string;
}

/** How the host itself logs in, on the way that everything else takes: the environment's stream, a token, verified TLS. */
export async function sessionOptions(
  environment: Environment,
  request: SessionRequest,
): Promise<PgOptions | PgSocketOptions> {
  const { endpoint, ca, socket, directTls = false } = await environment.resolve();
  if (socket !== undefined) return pgSocketOptions({ ...request, path: socket });
  return pgOptions({
    ...request,
    endpoint,
    ca,
    directTls,
    token: () => environment.token(request.user),
    openStream: () => environment.openStream(),
  });
}

/** A database session of the host itself. Throws `RdsAuthError`s. */
export async function openSession(environment: Environment, request: SessionRequest): Promise<Client> {
  const options = await sessionOptions(environment, request);
  try {
    return await connected(options);
  } catch (error) {
    const { endpoint, ...facts } = await environment.resolve();
    const explained = explainConnectionError(error, { ...facts, ...request, endpoint });
    // What took direct TLS may have given way to something that does not, an older server or a proxy.
    if (!('sslnegotiation' in options) || !wasCutOff(explained)) throw explained;
    if (await environment.probeDirectTls?.()) throw explained;
    return await openSession(environment, request);
  }
}

async function connected(options: PgOptions | PgSocketOptions): Promise<Client> {
  const pg = await import('pg');
  const client = new pg.Client(options);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

function wasCutOff(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^(RDS_CONNECTION_LOST|ERR_SSL_.*|EPROTO)$/.test(code);
}
