import Fastify, { type FastifyError, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { PoolConfig } from 'pg';
import { LedgerDatabase, type Retry } from './database.ts';
import { LedgerError } from './errors.ts';
import { fromPostgres } from './postgres-errors.ts';
import type { RetryPolicy } from './retry.ts';
import { accountRoutes } from './routes/accounts.ts';
import { statementRoutes } from './routes/statements.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { transferRoutes } from './routes/transfers.ts';

export interface AppOptions {
  /** All that the service knows about its database. How it leads there is the business of who made it. */
  readonly database: PoolConfig;
  readonly retry?: Partial<RetryPolicy>;
  readonly onRetry?: (retry: Retry) => void;
  readonly logger?: FastifyServerOptions['logger'];
}

/** The service, not listening yet. It owns its pool: `app.close()` ends both. */
export function createApp(options: AppOptions): FastifyInstance {
  const app = Fastify({
    logger: options.logger ?? false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  const database = new LedgerDatabase(options.database, {
    retry: options.retry ?? {},
    onRetry: (retry) => {
      app.log.info(retry, 'transaction retried');
      options.onRetry?.(retry);
    },
    onIdleError: (error) => app.log.warn(error, 'idle connection lost'),
  });
  app.addHook('onClose', () => database.close());

  app.setNotFoundHandler((_request, reply) => sendError(reply, new LedgerError('ROUTE_NOT_FOUND')));
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toLedgerError(error);
    if (known.status >= 500) request.log.error(error);
    return sendError(reply, known);
  });

  app.get('/health', async () => {
    await database.ping();
    return { status: 'ok' };
  });
  tenantRoutes(app, database);
  accountRoutes(app, database);
  transferRoutes(app, database);
  statementRoutes(app, database);
  return app;
}

function toLedgerError(error: FastifyError): LedgerError {
  const translated = fromPostgres(error);
  if (translated instanceof LedgerError) return translated;
  // Fastify's own refusals: schema, JSON syntax, media type, size.
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new LedgerError('REQUEST_INVALID', { message: error.message, cause: error });
  }
  return new LedgerError('INTERNAL', { cause: error });
}

interface Reply {
  code(status: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): Reply;
}

function sendError(reply: Reply, { status, code, kind, message }: LedgerError): Reply {
  if (kind === 'unavailable') reply.header('retry-after', '1');
  return reply.code(status).send({ code, kind, message });
}
