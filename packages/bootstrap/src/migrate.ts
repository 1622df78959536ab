export { migrateTestDatabase, type TestDatabaseMigration } from './migrate/test-database.ts';
