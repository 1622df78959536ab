import { defineDatabase } from '@postern/bootstrap';
export default defineDatabase({ name: 'cities', roles: { cities_app: 'readwrite' }, migrations: { sql: '../migrations' } });
