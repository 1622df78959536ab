import { afterEach, expect, test, vi } from 'vitest';
import { slowWait } from './slow-wait.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

test('what a test waits for is named when it takes long, before a timeout ends it without a reason', async () => {
  const said: string[] = [];
  vi.spyOn(console, 'error').mockImplementation((text: string) => void said.push(text));
  expect(await slowWait('something', Promise.resolve(1), 0)).toBe(1);
  expect(said).toEqual([]);

  let come = (_: number): void => undefined;
  const waiting = slowWait('the database', new Promise<number>((resolve) => (come = resolve)), 0);
  await vi.waitFor(() => expect(said).toEqual(['postern: waiting for the database …']), 20_000);
  come(2);
  expect(await waiting).toBe(2);
  expect(said[1]).toMatch(/^postern: … there after \d+\.\d s$/);
  await expect(slowWait('nothing', Promise.reject(new RangeError('x')), 60_000)).rejects.toThrow(RangeError);
});
