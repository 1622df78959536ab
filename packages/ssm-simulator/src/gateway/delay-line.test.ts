import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DelayLine } from './delay-line.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('messages take their time, in order, with one timer', () => {
  const line = new DelayLine(40);
  const arrived: string[] = [];
  const send = (name: string): void => line.push(() => arrived.push(name));
  send('a');
  vi.advanceTimersByTime(10);
  send('b');
  send('c');
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(29);
  expect(arrived).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(arrived).toEqual(['a']);
  vi.advanceTimersByTime(10);
  expect(arrived).toEqual(['a', 'b', 'c']);
  expect(vi.getTimerCount()).toBe(0);
});

test('without a delay nothing waits, and what is sent from an arrival comes after it', () => {
  const now: string[] = [];
  new DelayLine(0).push(() => now.push('at once'));
  expect(now).toEqual(['at once']);
  const line = new DelayLine(5);
  line.push(() => line.push(() => now.push('later')));
  vi.advanceTimersByTime(9);
  expect(now).toEqual(['at once']);
  vi.advanceTimersByTime(1);
  expect(now).toEqual(['at once', 'later']);
});

test('cleared, what was under way is lost; flushed, it is there', () => {
  const line = new DelayLine(5);
  const arrived: string[] = [];
  line.push(() => arrived.push('lost'));
  line.clear();
  line.push(() => arrived.push('there'));
  line.flush();
  vi.advanceTimersByTime(100);
  expect(arrived).toEqual(['there']);
});
