import type { FastifyInstance, FastifyReply } from 'fastify';
import type { LedgerDatabase } from '../database.ts';
import {
  getTransfer,
  listTransfers,
  type NewTransfer,
  type Posted,
  postTransfer,
  reverseTransfer,
} from '../domain/transfers.ts';
import {
  currency,
  day,
  type IdempotentHeaders,
  type IdParams,
  idempotentHeaders,
  idParams,
  minorUnits,
  type PageQuery,
  pageQuery,
  type TenantHeaders,
  tenantHeaders,
  uuid,
} from './request-schemas.ts';

const newTransfer = {
  type: 'object',
  additionalProperties: false,
  required: ['currency', 'entries'],
  properties: {
    currency,
    bookedOn: day,
    description: { type: 'string', maxLength: 500 },
    entries: {
      type: 'array',
      minItems: 2,
      maxItems: 100,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['accountId', 'side', 'amount'],
        properties: { accountId: uuid, side: { enum: ['debit', 'credit'] }, amount: minorUnits },
      },
    },
  },
} as const;

export function transferRoutes(app: FastifyInstance, database: LedgerDatabase): void {
  app.post<{ Headers: IdempotentHeaders; Body: NewTransfer }>(
    '/transfers',
    { schema: { headers: idempotentHeaders, body: newTransfer } },
    async ({ headers, body }, reply) => {
      const tenant = headers['x-ledger-tenant'];
      const posted = await database.write(tenant, (session) =>
        postTransfer(session, tenant, headers['idempotency-key'], body),
      );
      return answer(reply, posted);
    },
  );

  app.post<{ Headers: IdempotentHeaders; Params: IdParams }>(
    '/transfers/:id/reversal',
    { schema: { headers: idempotentHeaders, params: idParams } },
    async ({ headers, params }, reply) => {
      const tenant = headers['x-ledger-tenant'];
      const posted = await database.write(tenant, (session) =>
        reverseTransfer(session, tenant, headers['idempotency-key'], params.id),
      );
      return answer(reply, posted);
    },
  );

  app.get<{ Headers: TenantHeaders; Querystring: PageQuery }>(
    '/transfers',
    { schema: { headers: tenantHeaders, querystring: pageQuery } },
    ({ headers, query }) =>
      database.read(headers['x-ledger-tenant'], (session) =>
        listTransfers(session, { limit: Number(query.limit), cursor: query.cursor }),
      ),
  );

  app.get<{ Headers: TenantHeaders; Params: IdParams }>(
    '/transfers/:id',
    { schema: { headers: tenantHeaders, params: idParams } },
    ({ headers, params }) =>
      database.read(headers['x-ledger-tenant'], (session) => getTransfer(session, params.id)),
  );
}

/** The repeated request gets the first answer, byte for byte; only the header tells. */
function answer(reply: FastifyReply, { transfer, replayed }: Posted): FastifyReply {
  return reply.code(201).header('idempotency-replayed', String(replayed)).send(transfer);
}
