import { afterAll, expect, test } from 'vitest';
import { addTodo, openTodos, pool } from '../src/todos.ts';

afterAll(() => pool.end());

test('the first todo of an empty list has number 1', async () => {
  expect(await openTodos()).toEqual([]);
  expect(await addTodo('write it down')).toEqual({ id: 1, title: 'write it down', done: false });
  expect(await openTodos()).toEqual(['write it down']);
});
