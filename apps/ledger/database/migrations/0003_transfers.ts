import type { MigrationBuilder } from 'node-pg-migrate';

/** `number` breaks ties between transfers of one day, so that lists have one order for ever. */
export function up(pgm: MigrationBuilder): void {
  pgm.createTable('transfers', {
    id: { type: 'uuid', primaryKey: true },
    number: { type: 'bigint', notNull: true, sequenceGenerated: { precedence: 'ALWAYS' } },
    tenant_id: { type: 'uuid', notNull: true, references: 'tenants' },
    currency: { type: 'char(3)', notNull: true },
    booked_on: { type: 'date', notNull: true },
    description: { type: 'text', notNull: true, default: '' },
    created_at: { type: 'timestamptz', notNull: true, default: pgm.func('now()') },
  });
  pgm.addConstraint('transfers', 'transfers_number_unique', { unique: 'number' });
  // Target of the composite foreign key that keeps an entry in its transfer's tenant, currency and day.
  pgm.addConstraint('transfers', 'transfers_entry_key', {
    unique: ['tenant_id', 'id', 'currency', 'booked_on'],
  });
}
