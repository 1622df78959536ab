import type { MigrationBuilder } from 'node-pg-migrate';

/** A transfer is corrected by its mirror image, once. */
export function up(pgm: MigrationBuilder): void {
  pgm.addColumn('transfers', { reverses: { type: 'uuid' } });
  // Through the tenant: a transfer of somebody else cannot be named.
  pgm.addConstraint('transfers', 'transfers_tenant_key', { unique: ['tenant_id', 'id'] });
  pgm.addConstraint(
    'transfers',
    'transfers_reverses_fkey',
    'FOREIGN KEY (tenant_id, reverses) REFERENCES transfers (tenant_id, id)',
  );
  pgm.addConstraint('transfers', 'transfers_reversed_once', { unique: 'reverses' });
}
