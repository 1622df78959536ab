import { explainConnectionError, pgOptions, pgSocketOptions } from '@postern/rds-auth';
import type { Client } from 'pg';
import type { Environment } from '../environment/environment.ts';

export interface SessionRequest {
  readonly user: string;
  readonly database: string;
  readonly applicationName: string;
}

/** A database session of the host itself, on the way that everything else takes: its stream, a token, verified TLS. */
export async function openSession(environment: Environment, request: SessionRequest): Promise<Client> {
  const { endpoint, ca, socket, ...facts } = await environment.resolve();
  const pg = await import('pg');
  const client = new pg.Client(
    socket === undefined
      ? pgOptions({
          ...request,
          endpoint,
          ca,
          token: () => environment.token(request.user),
          openStream: () => environment.openStream(),
        })
      : pgSocketOptions({ ...request, path: socket }),
  );
  try {
    await client.connect();
  } catch (error) {
    throw explainConnectionError(error, { ...facts, ...request, endpoint });
  }
  return client;
}
