import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * A session sees and writes the rows of the tenant it has named, and none when it has named none. The sub-select
 * makes the planner read the setting once per statement. Not FORCEd: the owner has no login, and the functions
 * that guard invariants run as the owner because they must see everything.
 */
export function up(pgm: MigrationBuilder): void {
  const tenantColumns = {
    tenants: 'id',
    accounts: 'tenant_id',
    transfers: 'tenant_id',
    entries: 'tenant_id',
    idempotency_keys: 'tenant_id',
  };
  for (const [table, column] of Object.entries(tenantColumns)) {
    pgm.alterTable(table, { levelSecurity: 'ENABLE' });
    pgm.createPolicy(table, `${table}_of_tenant`, {
      using: `${column} = (SELECT current_tenant())`,
      check: `${column} = (SELECT current_tenant())`,
    });
  }
}
