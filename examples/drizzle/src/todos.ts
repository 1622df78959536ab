import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { todos } from './schema.ts';

export const pool = new Pool({ connectionString: process.env['DATABASE_URL'] });
const db = drizzle(pool);

export type Todo = typeof todos.$inferSelect;

export async function addTodo(title: string): Promise<Todo> {
  const [added] = await db.insert(todos).values({ title }).returning();
  if (added === undefined) throw new Error('nothing was inserted');
  return added;
}

export async function finishTodo(id: number): Promise<boolean> {
  const finished = await db.update(todos).set({ done: true }).where(eq(todos.id, id)).returning();
  return finished.length === 1;
}

export async function openTodos(): Promise<string[]> {
  const rows = await db.select().from(todos).where(eq(todos.done, false)).orderBy(todos.id);
  return rows.map(({ title }) => title);
}
