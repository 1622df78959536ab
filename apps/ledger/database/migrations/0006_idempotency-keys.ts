import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * A key is claimed before its transfer exists, in the same transaction: the primary key makes a race for it
 * a wait, and the deferred reference lets the transfer follow.
 */
export function up(pgm: MigrationBuilder): void {
  pgm.createTable(
    'idempotency_keys',
    {
      tenant_id: { type: 'uuid', notNull: true, references: 'tenants' },
      key: { type: 'text', notNull: true },
      fingerprint: { type: 'bytea', notNull: true },
      transfer_id: {
        type: 'uuid',
        notNull: true,
        references: 'transfers',
        deferrable: true,
        deferred: true,
      },
      created_at: { type: 'timestamptz', notNull: true, default: pgm.func('now()') },
    },
    { constraints: { primaryKey: ['tenant_id', 'key'] } },
  );
  pgm.addConstraint('idempotency_keys', 'idempotency_keys_key_length', {
    check: 'length(key) BETWEEN 1 AND 200',
  });
  // For the job that forgets old keys.
  pgm.createIndex('idempotency_keys', 'created_at');
}
