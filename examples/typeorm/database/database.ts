import { defineDatabase } from '@postern/bootstrap';
export default defineDatabase({ name: 'library', roles: { library_app: 'readwrite' }, migrations: { sql: '../migrations' } });
