import type { MigrationBuilder } from 'node-pg-migrate';

/** A new enum value may not be used before it is committed, so it has a migration and no transaction to itself. */
export function up(pgm: MigrationBuilder): void {
  pgm.noTransaction();
  pgm.addTypeValue('account_kind', 'expense', { ifNotExists: true });
}
