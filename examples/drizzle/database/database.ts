import { defineDatabase } from '@postern/bootstrap';
export default defineDatabase({ name: 'todos', roles: { todos_app: 'readwrite' }, migrations: { drizzle: '../drizzle' } });
