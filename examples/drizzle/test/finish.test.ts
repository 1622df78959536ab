import { afterAll, expect, test } from 'vitest';
import { addTodo, finishTodo, openTodos, pool } from '../src/todos.ts';

afterAll(() => pool.end());

test('what is done is on the list no longer', async () => {
  const { id } = await addTodo('do it');
  await addTodo('do the rest');
  expect(id).toBe(1);
  expect(await finishTodo(id)).toBe(true);
  expect(await openTodos()).toEqual(['do the rest']);
});

test('what nobody wrote down cannot be done', async () => {
  expect(await finishTodo(99)).toBe(false);
});
