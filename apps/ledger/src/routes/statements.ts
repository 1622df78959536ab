import type { FastifyInstance } from 'fastify';
import type { LedgerDatabase } from '../database.ts';
import { closePeriod, type Period } from '../domain/periods.ts';
import { accountHistory, accountStatement, trialBalance } from '../domain/statements.ts';
import { day, type IdParams, idParams, type TenantHeaders, tenantHeaders } from './request-schemas.ts';

const period = {
  type: 'object',
  additionalProperties: false,
  required: ['from', 'to'],
  properties: { from: day, to: day },
} as const;

export function statementRoutes(app: FastifyInstance, database: LedgerDatabase): void {
  app.get<{ Headers: TenantHeaders; Params: IdParams; Querystring: Period }>(
    '/accounts/:id/statement',
    { schema: { headers: tenantHeaders, params: idParams, querystring: period } },
    ({ headers, params, query }) =>
      database.read(headers['x-ledger-tenant'], (session) => accountStatement(session, params.id, query)),
  );

  app.get<{ Headers: TenantHeaders; Params: IdParams }>(
    '/accounts/:id/history',
    { schema: { headers: tenantHeaders, params: idParams } },
    async ({ headers, params }) => ({
      months: await database.read(headers['x-ledger-tenant'], (session) =>
        accountHistory(session, params.id),
      ),
    }),
  );

  app.get<{ Headers: TenantHeaders }>(
    '/trial-balance',
    { schema: { headers: tenantHeaders } },
    async ({ headers }) => ({
      currencies: await database.read(headers['x-ledger-tenant'], (session) => trialBalance(session)),
    }),
  );

  app.post<{ Headers: TenantHeaders; Body: Period }>(
    '/closed-periods',
    { schema: { headers: tenantHeaders, body: period } },
    async ({ headers, body }, reply) => {
      const tenant = headers['x-ledger-tenant'];
      const closed = await database.write(tenant, (session) => closePeriod(session, tenant, body));
      return reply.code(201).send(closed);
    },
  );
}
