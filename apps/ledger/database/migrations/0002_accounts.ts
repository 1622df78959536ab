import type { MigrationBuilder } from 'node-pg-migrate';

/**
 * Accounts with the balance kept beside them. The overdraft rule is a CHECK on that balance: no isolation
 * level and no forgotten lock can get round it. A null limit means that the account may go below zero freely.
 */
export function up(pgm: MigrationBuilder): void {
  pgm.createType('account_kind', ['asset', 'liability', 'equity', 'income']);
  pgm.createTable('accounts', {
    id: { type: 'uuid', primaryKey: true },
    tenant_id: { type: 'uuid', notNull: true, references: 'tenants' },
    code: { type: 'citext', notNull: true },
    name: { type: 'text', notNull: true },
    kind: { type: 'account_kind', notNull: true },
    currency: { type: 'char(3)', notNull: true },
    balance: { type: 'bigint', notNull: true, default: 0 },
    overdraft_limit: { type: 'bigint', default: 0 },
    created_at: { type: 'timestamptz', notNull: true, default: pgm.func('now()') },
    updated_at: { type: 'timestamptz', notNull: true, default: pgm.func('now()') },
  });
  pgm.addConstraint('accounts', 'accounts_code_unique', { unique: ['tenant_id', 'code'] });
  // Targets of the composite foreign keys that keep an entry in its account's tenant and currency.
  pgm.addConstraint('accounts', 'accounts_currency_key', { unique: ['tenant_id', 'id', 'currency'] });
  pgm.addConstraint('accounts', 'accounts_currency_format', { check: "currency ~ '^[A-Z]{3}$'" });
  // Checks run in the order of their names: a limit that makes no sense is reported before what follows from it.
  pgm.addConstraint('accounts', 'accounts_limit_not_negative', { check: 'overdraft_limit >= 0' });
  pgm.addConstraint('accounts', 'accounts_overdraft', { check: 'balance >= -overdraft_limit' });
  pgm.createTrigger('accounts', 'accounts_touch_updated_at', {
    when: 'BEFORE',
    operation: 'UPDATE',
    level: 'ROW',
    function: 'touch_updated_at',
  });
}
