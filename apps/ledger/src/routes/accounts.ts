import type { FastifyInstance } from 'fastify';
import type { LedgerDatabase } from '../database.ts';
import {
  accountKinds,
  createAccount,
  getAccount,
  listAccounts,
  type NewAccount,
} from '../domain/accounts.ts';
import {
  currency,
  type IdParams,
  idParams,
  minorUnits,
  type PageQuery,
  pageQuery,
  type TenantHeaders,
  tenantHeaders,
} from './request-schemas.ts';

const newAccount = {
  type: 'object',
  additionalProperties: false,
  required: ['code', 'name', 'kind', 'currency'],
  properties: {
    code: { type: 'string', pattern: '^[A-Za-z0-9_.:-]{1,64}$' },
    name: { type: 'string', minLength: 1, maxLength: 200 },
    kind: { enum: accountKinds },
    currency,
    overdraftLimit: { ...minorUnits, type: ['string', 'null'] },
  },
} as const;

export function accountRoutes(app: FastifyInstance, database: LedgerDatabase): void {
  app.post<{ Headers: TenantHeaders; Body: NewAccount }>(
    '/accounts',
    { schema: { headers: tenantHeaders, body: newAccount } },
    async (request, reply) => {
      const tenant = request.headers['x-ledger-tenant'];
      const account = await database.write(tenant, (session) => createAccount(session, tenant, request.body));
      return reply.code(201).send(account);
    },
  );

  app.get<{ Headers: TenantHeaders; Querystring: PageQuery }>(
    '/accounts',
    { schema: { headers: tenantHeaders, querystring: pageQuery } },
    ({ headers, query }) =>
      database.read(headers['x-ledger-tenant'], (session) =>
        listAccounts(session, { limit: Number(query.limit), cursor: query.cursor }),
      ),
  );

  app.get<{ Headers: TenantHeaders; Params: IdParams }>(
    '/accounts/:id',
    { schema: { headers: tenantHeaders, params: idParams } },
    ({ headers, params }) =>
      database.read(headers['x-ledger-tenant'], (session) => getAccount(session, params.id)),
  );
}
