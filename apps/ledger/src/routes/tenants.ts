import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { LedgerDatabase } from '../database.ts';
import { createTenant } from '../domain/tenants.ts';

const newTenant = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name: { type: 'string' } },
} as const;

export function tenantRoutes(app: FastifyInstance, database: LedgerDatabase): void {
  app.post<{ Body: { name: string } }>(
    '/tenants',
    { schema: { body: newTenant } },
    async (request, reply) => {
      const id = randomUUID();
      const tenant = await database.write(id, (session) =>
        createTenant(session, { id, name: request.body.name }),
      );
      return reply.code(201).send(tenant);
    },
  );
}
