import type { Session } from '../database.ts';

export interface Tenant {
  readonly id: string;
  readonly name: string;
}

export async function createTenant(session: Session, tenant: Tenant): Promise<Tenant> {
  await session.query('INSERT INTO tenants (id, name) VALUES ($1, $2)', [tenant.id, tenant.name]);
  return tenant;
}
