import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * The order of the transfer list. CONCURRENTLY does not stop the service, and refuses to run in a transaction. So
 * it must be repeatable: an attempt that was interrupted leaves an invalid index behind.
 */
export function up(pgm: MigrationBuilder): void {
  pgm.noTransaction();
  pgm.dropIndex('transfers', [], { name: 'transfers_list', concurrently: true, ifExists: true });
  pgm.createIndex(
    'transfers',
    ['tenant_id', { name: 'booked_on', sort: 'DESC' }, { name: 'number', sort: 'DESC' }],
    { name: 'transfers_list', concurrently: true },
  );
}
