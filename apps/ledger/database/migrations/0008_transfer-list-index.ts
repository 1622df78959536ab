import type { MigrationBuilder } from 'node-pg-migrate';

/** The order of the transfer list. CONCURRENTLY does not stop the service, and refuses to run in a transaction. */
export function up(pgm: MigrationBuilder): void {
  pgm.noTransaction();
  pgm.createIndex(
    'transfers',
    ['tenant_id', { name: 'booked_on', sort: 'DESC' }, { name: 'number', sort: 'DESC' }],
    { name: 'transfers_list', concurrently: true },
  );
}
