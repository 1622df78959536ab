import { defineDatabase } from '@postern/bootstrap';

export default defineDatabase({
  name: 'statements',
  roles: {
    statements_app: 'readwrite',
    statements_readonly: 'readonly',
  },
  migrations: { sql: './migrations' },
});
